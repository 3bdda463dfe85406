import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { PasskeyAnswer } from './contract.ts';
import type { StoredPasskey } from './passkey-store.ts';

/** COSE names of Ed25519, ES256 and RS256: what authenticators make. */
const ALGORITHMS = [-8, -7, -257];

/** For whom a passkey is: the name of the relying party, and the one origin whose pages may ask. */
export type RelyingParty = { id: string; origin: string };
export type NewPasskey = { id: string; public_key: string; counter: number; synced: boolean };

/**
 * A passkey is bound to a domain; browsers know none for an IP address. On this machine `localhost` stands in for the loopback
 * address. Without https there is only `localhost`.
 */
export function relyingParty(console_url: string): RelyingParty | undefined {
  const url = new URL(console_url);
  if (['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)) {
    return { id: 'localhost', origin: `${url.protocol}//localhost${url.port === '' ? '' : `:${url.port}`}` };
  }
  const address = url.hostname.startsWith('[') || /^[\d.]+$/.test(url.hostname);
  return url.protocol === 'https:' && !address ? { id: url.hostname, origin: url.origin } : undefined;
}

/** Loaded with the first passkey: it brings parsers of every form of attestation, which nobody else waits for. */
const library = () => import('@simplewebauthn/server');
type Registration = Parameters<Awaited<ReturnType<typeof library>>['verifyRegistrationResponse']>[0]['response'];
type Authentication = Parameters<Awaited<ReturnType<typeof library>>['verifyAuthenticationResponse']>[0]['response'];

/** WebAuthn, section 7.1. No attestation is asked for: which make of authenticator it is decides nothing here. */
export async function readRegistration(
  answer: PasskeyAnswer,
  challenge: string,
  party: RelyingParty,
): Promise<NewPasskey | Refusal> {
  const { verifyRegistrationResponse } = await library();
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: answer as unknown as Registration,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!verified) return refuse('passkey_refused', 'the answer does not verify');
    const { credential, credentialBackedUp } = registrationInfo;
    const public_key = Buffer.from(credential.publicKey).toString('base64url');
    return { id: credential.id, public_key, counter: credential.counter, synced: credentialBackedUp };
  } catch (error) {
    return refuse('passkey_refused', reasonOf(error));
  }
}

/** WebAuthn, section 7.2: the counter as it is now. */
export async function readAuthentication(
  answer: PasskeyAnswer,
  challenge: string,
  party: RelyingParty,
  passkey: StoredPasskey,
): Promise<{ counter: number } | Refusal> {
  const { verifyAuthenticationResponse } = await library();
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: answer as unknown as Authentication,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      credential: {
        id: passkey.id,
        publicKey: new Uint8Array(Buffer.from(passkey.public_key, 'base64url')),
        counter: passkey.counter,
      },
    });
    return verified
      ? { counter: authenticationInfo.newCounter }
      : refuse('passkey_refused', 'the signature does not verify');
  } catch (error) {
    return refuse('passkey_refused', reasonOf(error));
  }
}

export function creationQuestion(
  person: { id: string; name: string },
  challenge: string,
  party: RelyingParty,
  held: readonly string[],
): Record<string, unknown> {
  return {
    rp: { id: party.id, name: 'Sallyport' },
    user: { id: Buffer.from(person.id).toString('base64url'), name: person.name, displayName: person.name },
    challenge,
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
    timeout: QUESTION_MS_MAX,
    attestation: 'none',
    excludeCredentials: held.map((id) => ({ type: 'public-key', id })),
    // Discoverable, so that signing in asks for no name; verified, so that it is the person and not the device alone.
    authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
  };
}

export function presenceQuestion(
  challenge: string,
  party: RelyingParty,
  held: readonly string[],
): Record<string, unknown> {
  return {
    rpId: party.id,
    challenge,
    timeout: QUESTION_MS_MAX,
    userVerification: 'required',
    allowCredentials: held.map((id) => ({ type: 'public-key', id })),
  };
}

const QUESTION_MS_MAX = 120_000;

/** The library's messages name fields, origins and domains; nothing of them is a secret. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : 'unknown failure';
}
