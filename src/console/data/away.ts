import { ask } from './client.ts';

/** What the browser went away for, and where it was: kept in this tab alone. */
export type Away = { for: 'sign-in' | 'presence'; from: string };

const KEY = 'sallyport-away';

/** Leaves for the company's sign-in page. */
export async function goAway(purpose: Away['for']): Promise<void> {
  const { url } = await ask(purpose === 'sign-in' ? 'session.company' : 'me.present.company', {});
  const away: Away = { for: purpose, from: location.pathname + location.search };
  sessionStorage.setItem(KEY, JSON.stringify(away));
  location.assign(url);
}

/** Once. Whatever does not lead to a page of this console leads to its first. */
export function cameBack(): Away {
  const text = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  const away = text === null ? undefined : (JSON.parse(text) as Partial<Away>);
  const from = URL.parse(away?.from ?? '/', location.origin);
  const own = from !== null && from.origin === location.origin && from.pathname !== '/signed-in';
  return { for: away?.for === 'presence' ? 'presence' : 'sign-in', from: own ? from.pathname + from.search : '/live' };
}
