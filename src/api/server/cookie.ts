import type { SignedIn } from '../../controls/identity/index.ts';
import type { Secret } from '../../core/secret.ts';

const PREFIX = 'sallyport';
const FLOW_SECONDS_MAX = 600;

/**
 * The session's cookie. Over https it carries the `__Host-` prefix: no other host or path can set or shadow it. Loopback
 * has no https and cookies know no ports, so there the port is in the name, and two gateways do not sign each other out.
 */
export type SessionCookie = {
  read(header: string | undefined): string | undefined;
  set(signedIn: SignedIn, now: number): string;
  clear(): string;
};

/** What a sign-in was begun with. The console sends it by itself, so it needs no laxer cookie than the session's. */
export type FlowCookie = {
  read(header: string | undefined): string | undefined;
  set(flow: Secret): string;
  clear(): string;
};

type From = { secure: boolean; port: number };

export function sessionCookie(from: From): SessionCookie {
  const { read, write } = cookieOf(PREFIX, from, 128);
  return {
    read,
    set: ({ cookie, session }, now) =>
      write(cookie.reveal(), Math.max(0, Math.floor((session.expires_at - now) / 1000))),
    clear: () => write('', 0),
  };
}

export function flowCookie(from: From): FlowCookie {
  const { read, write } = cookieOf(`${PREFIX}-flow`, from, 2_048);
  return { read, set: (flow) => write(flow.reveal(), FLOW_SECONDS_MAX), clear: () => write('', 0) };
}

function cookieOf(prefix: string, { secure, port }: From, chars_max: number) {
  const name = secure ? `__Host-${prefix}` : `${prefix}-${port}`;
  const attributes = `Path=/; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
  return {
    read(header: string | undefined): string | undefined {
      const values = (header ?? '').split(';').flatMap((pair) => {
        const at = pair.indexOf('=');
        return pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : [];
      });
      // Two of one name: one of them was planted, and which one cannot be told.
      const [value = '', second] = values;
      return second === undefined && value.length <= chars_max && /^[\w-]+$/.test(value) ? value : undefined;
    },
    write: (value: string, seconds: number): string => `${name}=${value}; ${attributes}; Max-Age=${seconds}`,
  };
}
