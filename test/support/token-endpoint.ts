import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An authorization server's token endpoint whose refresh tokens are good for one use, as RFC 9700 wants them. */
export class TokenEndpoint {
  /** Next refresh token that is accepted; used ones revoke everything. */
  good = 'refresh-token-number-0';
  /** What each request had in its form. */
  readonly asked: URLSearchParams[] = [];
  readonly authorizations: (string | undefined)[] = [];
  seconds = 600;
  delay_ms = 0;
  answer: 'tokens' | 'unavailable' | 'garbage' | 'endless' = 'tokens';
  url = '';
  /** Makes the secrets that it gives out; a test that looks for them brings its own. */
  secret: (name: string) => string = (name) => `${name.replace(' ', '-')}-number-${this.asked.length}`;
  readonly #server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const form = new URLSearchParams(Buffer.concat(parts).toString());
      this.asked.push(form);
      this.authorizations.push(request.headers.authorization);
      setTimeout(() => {
        const [status, body] = this.#reply(form);
        response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      }, this.delay_ms);
    });
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
    return this;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #reply(form: URLSearchParams): [number, string] {
    const given = form.get('refresh_token') ?? '';
    if (this.answer === 'unavailable') return [503, `{"error":"server_error","error_description":"${given}"}`];
    if (this.answer === 'garbage') return [200, `<html>${given}</html>`];
    if (this.answer === 'endless') return [200, ' '.repeat(200_000)];
    if (given !== this.good) {
      this.good = 'revoked';
      return [400, `{"error":"invalid_grant","error_description":"${given} was used before"}`];
    }
    this.good = this.secret('refresh token');
    const body = { access_token: this.secret('access token'), token_type: 'Bearer', expires_in: this.seconds };
    return [200, JSON.stringify({ ...body, refresh_token: this.good })];
  }
}
