import type { Output } from '../../api/contract/index.ts';

type Question = Output<'session.passkey'>['question'];
type Answer = Record<string, never>;

/** Asks the browser for a passkey that is there. @throws where the person closed its dialog, or has none. */
export async function askPasskey(question: Question): Promise<Answer> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(question as never);
  return asJson(await asked(navigator.credentials.get({ publicKey })));
}

/** Asks the browser to make one. */
export async function makePasskey(question: Question): Promise<Answer> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(question as never);
  return asJson(await asked(navigator.credentials.create({ publicKey })));
}

/** Whether a browser that is at this page could use one. */
export function passkeysHere(passkeys_at: string | null | undefined): boolean {
  return passkeys_at === location.origin && 'PublicKeyCredential' in globalThis;
}

async function asked(promise: Promise<Credential | null>): Promise<Credential | null> {
  try {
    return await promise;
  } catch (error) {
    const { name } = error as DOMException;
    // Browsers say no more, so that a page cannot learn which passkeys there are.
    if (name === 'NotAllowedError' || name === 'AbortError') throw new Error('No passkey was used.');
    if (name === 'InvalidStateError') throw new Error('This passkey is enrolled already.');
    throw error;
  }
}

function asJson(credential: Credential | null): Answer {
  if (credential === null) throw new Error('No passkey was used.');
  return JSON.parse(JSON.stringify(credential));
}
