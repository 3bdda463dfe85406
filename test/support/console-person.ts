import type { World } from './world.ts';

/** A person on a page of the console, as far as the gateway can tell. */
export type ConsolePerson = {
  name: string;
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
};
export type Answer = { status: number; body: Record<string, unknown> };

const secrets = new WeakMap<World, ConsolePerson>();

/** The first account of this gateway, an admin's, signed in over HTTP. */
export async function consolePerson(world: World, name = 'maria'): Promise<ConsolePerson> {
  const known = secrets.get(world);
  if (known !== undefined) return known;
  const made = await world.local.call('setup.link', {});
  if (made.kind !== 'ok') throw new Error(JSON.stringify(made));
  const person = await joinByLink(world, made.value.link, name);
  secrets.set(world, person);
  return person;
}

/** Whoever was given a set-up link. */
export async function joinByLink(world: World, link: string, name: string): Promise<ConsolePerson> {
  const origin = world.running.console_url;
  const headers: Record<string, string> = {
    origin,
    'sec-fetch-site': 'same-origin',
    'sallyport-client': 'test',
    'content-type': 'application/json',
  };
  const secret = link.split('#')[1];
  const body = JSON.stringify({ secret, name, password: 'correct horse battery staple' });
  const answer = await fetch(`${origin}/api/setup`, { method: 'POST', headers, body });
  if (answer.status !== 200) throw new Error(await answer.text());
  headers['cookie'] = (answer.headers.get('set-cookie') ?? '').split(';')[0]!;
  return {
    name,
    async ask(method, path, sent, more = {}) {
      const { 'content-type': type, ...bare } = headers;
      const text = sent === undefined ? {} : { body: JSON.stringify(sent) };
      const typed = sent === undefined ? bare : { ...bare, 'content-type': type! };
      const received = await fetch(origin + path, { method, headers: { ...typed, ...more }, ...text });
      return { status: received.status, body: (await received.json()) as Record<string, unknown> };
    },
  };
}

/** What a browser does between the client and its redirect address, with a person who answers. */
export async function consentTo(
  person: ConsolePerson,
  authorization_url: URL | string,
  verdict: object = { allow: true, job: 'support' },
): Promise<URL> {
  const request = await openQuestion(authorization_url);
  const answered = await person.ask('POST', `/api/client-grants/requests/${request}`, { verdict });
  if (answered.status !== 200) throw new Error(JSON.stringify(answered.body));
  return follow(String(answered.body['next']));
}

/** The id of the question that the console would show. */
export async function openQuestion(authorization_url: URL | string): Promise<string> {
  const begun = await fetch(authorization_url, { redirect: 'manual' });
  const location = begun.headers.get('location');
  if (location === null || !location.includes('/consent/')) throw new Error(`${begun.status}: ${await begun.text()}`);
  return location.split('/').at(-1)!;
}

export async function follow(address: string): Promise<URL> {
  const answer = await fetch(address, { redirect: 'manual' });
  const location = answer.headers.get('location');
  if (location === null) throw new Error(`${answer.status}: ${await answer.text()}`);
  return new URL(location);
}
