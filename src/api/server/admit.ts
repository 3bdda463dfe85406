import { type Refusal, refuse } from '../../core/refusal.ts';
import type { Route } from '../contract/index.ts';
import { CLIENT_HEADER } from '../contract/index.ts';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Names that this control plane answers to; anything else is DNS rebinding or a mistake. */
export type Doorplate = { hosts: ReadonlySet<string>; origins: ReadonlySet<string> };

/** `public_url` is where people reach it, as configured; the loopback names always work on the machine itself. */
export function doorplate(port: number, public_url: string | undefined): Doorplate {
  const origins = new Set([`http://127.0.0.1:${port}`, `http://localhost:${port}`, `http://[::1]:${port}`]);
  if (public_url !== undefined) origins.add(new URL(public_url).origin);
  return { origins, hosts: new Set([...origins].map((origin) => new URL(origin).host)) };
}

/** Cheap checks before anything is read: the name asked for. */
export function checkHost(headers: Headers, doorplate: Doorplate): Refusal | undefined {
  const host = headers['host'];
  if (typeof host === 'string' && doorplate.hosts.has(host.toLowerCase())) return undefined;
  return refuse('host_not_allowed', `Host is ${JSON.stringify(host ?? '')}`);
}

/**
 * Who made the browser send this. `Origin` and `Sec-Fetch-Site` are the browser's own word and no page can forge them;
 * a page of another port of this machine is `same-site`, and as foreign as any.
 */
export function checkOrigin(headers: Headers, doorplate: Doorplate): Refusal | undefined {
  const { origin, 'sec-fetch-site': site } = headers;
  if (origin !== undefined && (typeof origin !== 'string' || !doorplate.origins.has(origin))) {
    return refuse('origin_not_allowed', `Origin is ${JSON.stringify(origin)}`);
  }
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return refuse('origin_not_allowed', `Sec-Fetch-Site is ${JSON.stringify(site)}`);
  }
  return undefined;
}

/** Whatever changes something, or leaves a record, carries a header that no form, link or image can send. */
export function checkForged(route: Pick<Route, 'method' | 'payload'>, headers: Headers): Refusal | undefined {
  if (route.method === 'GET' && !route.payload) return undefined;
  if (typeof headers[CLIENT_HEADER] !== 'string') return refuse('request_forged', `no ${CLIENT_HEADER} header`);
  if (route.method === 'POST' && !/^application\/json(?:;|$)/i.test(String(headers['content-type'] ?? ''))) {
    return refuse('request_forged', 'the body is not application/json');
  }
  return undefined;
}
