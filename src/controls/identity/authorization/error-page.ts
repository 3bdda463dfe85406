import { hash } from 'node:crypto';
import type { GrantContext } from 'oidc-provider/lib/provider.js';

type Told = { error: string; error_description?: string };

const STYLE = `
:root { color-scheme: light dark; --paper: #fbfbf9; --ink: #1b1d1f; --faint: #6a6f73; --line: #dcdcd6 }
@media (prefers-color-scheme: dark) { :root { --paper: #121416; --ink: #e8e8e4; --faint: #9aa0a4; --line: #2c3034 } }
body { margin: 0; min-height: 100vh; display: grid; place-content: center; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, sans-serif }
main { max-width: 34rem; padding: 3rem 1.5rem }
h1 { font-size: 1.25rem; font-weight: 600; margin: 0 0 .75rem }
p { margin: 0 0 1rem } code, pre { font: 13px/1.5 ui-monospace, monospace }
pre { border: 1px solid var(--line); border-radius: 6px; padding: .75rem 1rem; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere }
footer { color: var(--faint); font-size: 13px }`;

/** No script, nothing from elsewhere, and in nobody's frame. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** For the person whose browser a client sent here: what went wrong, where it cannot be told to the client. */
export function errorPage(told: Told, client?: string): { headers: Record<string, string>; body: string } {
  const permit = told.error === 'invalid_client' && client !== undefined && /^https:/.test(client);
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sallyport</title><style>${STYLE}</style>
<main><h1>This client cannot be signed in</h1>
<p>${escaped(told.error_description ?? told.error)}.</p>
${permit ? howToPermit(client) : '<p>Close this page, and start again from your client.</p>'}
<footer><code>${escaped(told.error)}</code></footer></main></html>`;
  return { headers: HEADERS, body };
}

function howToPermit(client: string): string {
  const rule = `authorization:\n  sign_in:\n    - clients: [${JSON.stringify(client)}]\n      jobs: [a-job]\n      people: [your-name]`;
  return `<p>An admin permits it in <code>sallyport.yaml</code>, by a rule such as this:</p><pre>${escaped(rule)}</pre>`;
}

/** What a client sent is text here: whatever could be markup is not. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** oidc-provider's own errors: a page for a browser, JSON for whoever else asks. */
export function renderError(context: GrantContext, out: Told): void {
  if (context.method !== 'GET' || context.accepts('json', 'html') !== 'html') {
    context.type = 'json';
    context.body = out;
    return;
  }
  const client = context.oidc.params?.client_id;
  const page = errorPage(out, typeof client === 'string' ? client : undefined);
  for (const [name, value] of Object.entries(page.headers)) context.set(name, value);
  context.body = page.body;
}
