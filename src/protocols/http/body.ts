import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from '../../core/refusal.ts';

/** The header fields that say how the body is written, as they arrived. */
export type BodyFields = { content_type: string | undefined; content_encoding: string | undefined };

const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

/**
 * The whole body within its bound. Compressed bodies are refused: requests are small, and a bound on what arrives is then
 * a bound on what is read.
 */
export function readBody(request: IncomingMessage, fields: BodyFields, bytes_max: number): Promise<Buffer | Refusal> {
  const { content_type, content_encoding } = fields;
  if (content_encoding !== undefined && content_encoding.toLowerCase() !== 'identity') {
    return Promise.resolve(refuse('request_malformed', `Content-Encoding is ${JSON.stringify(content_encoding)}`));
  }
  if (!JSON_TYPE.test(content_type ?? '')) {
    return Promise.resolve(refuse('request_malformed', `Content-Type is ${JSON.stringify(content_type ?? null)}`));
  }
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const broken = () => {
      if (!request.readableEnded) resolve(refuse('request_malformed', 'the connection ended within the request'));
    };
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= bytes_max) return void parts.push(part);
      request.pause();
      resolve(refuse('request_too_large', `more than ${bytes_max} bytes`));
    });
    request.on('end', () => resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)));
    request.on('close', broken);
    request.on('error', broken);
  });
}
