import type { SignedIn } from '../../controls/identity/index.ts';

const PREFIX = 'sallyport';

/**
 * The session's cookie. Over https it carries the `__Host-` prefix: no other host or path can set or shadow it. Loopback
 * has no https and cookies know no ports, so there the port is in the name, and two gateways do not sign each other out.
 */
export type SessionCookie = {
  read(header: string | undefined): string | undefined;
  set(signedIn: SignedIn, now: number): string;
  clear(): string;
};

export function sessionCookie(from: { secure: boolean; port: number }): SessionCookie {
  const name = from.secure ? `__Host-${PREFIX}` : `${PREFIX}-${from.port}`;
  const attributes = `Path=/; HttpOnly; SameSite=Strict${from.secure ? '; Secure' : ''}`;
  return {
    read(header) {
      const values = (header ?? '').split(';').flatMap((pair) => {
        const at = pair.indexOf('=');
        return pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : [];
      });
      // Two of one name: one of them was planted, and which one cannot be told.
      return values.length === 1 && /^[\w-]{1,128}$/.test(values[0]!) ? values[0] : undefined;
    },
    set({ cookie, session }, now) {
      const seconds = Math.max(0, Math.floor((session.expires_at - now) / 1000));
      return `${name}=${cookie.reveal()}; ${attributes}; Max-Age=${seconds}`;
    },
    clear: () => `${name}=; ${attributes}; Max-Age=0`,
  };
}
