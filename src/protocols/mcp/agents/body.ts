import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { Fields } from './headers.ts';

/**
 * The whole body within its bound. Compressed bodies are refused: requests are small, and a bound on what arrives is then
 * a bound on what is read.
 */
export function readBody(request: IncomingMessage, fields: Fields, bytes_max: number): Promise<Buffer | Refusal> {
  const { content_type, content_encoding } = fields;
  if (content_encoding !== undefined && content_encoding.toLowerCase() !== 'identity') {
    return Promise.resolve(refuse('request_malformed', `Content-Encoding is ${JSON.stringify(content_encoding)}`));
  }
  if (!/^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i.test(content_type ?? '')) {
    return Promise.resolve(refuse('request_malformed', `Content-Type is ${JSON.stringify(content_type ?? null)}`));
  }
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= bytes_max) return void parts.push(part);
      request.pause();
      resolve(refuse('request_too_large', `more than ${bytes_max} bytes`));
    });
    request.once('end', () => resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)));
    request.once('close', () => resolve(refuse('request_malformed', 'the connection ended within the request')));
    request.once('error', () => resolve(refuse('request_malformed', 'the connection failed within the request')));
  });
}
