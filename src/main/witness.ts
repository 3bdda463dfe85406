import type { Egress, HttpHeaders } from '../enforcement/index.ts';

const ANSWER_MS_MAX = 5_000;
const ANSWER_BYTES_MAX = 64 * 1024;

type Answer = { status: number; type: string; body: string };

/** POST of plain text to a witness, through the door for configured addresses. */
export function witnessPost(egress: Egress): (url: string, body: string) => Promise<Answer> {
  return async (url, body) => {
    const origin = egress.http({ url });
    try {
      return await new Promise<Answer>((resolve, reject) => {
        let head = { status: 0, type: '' };
        const parts: Buffer[] = [];
        let bytes = 0;
        const call = origin.send(
          {
            method: 'POST',
            headers: ['content-type', 'text/plain; charset=utf-8'],
            body: Buffer.from(body),
            head_ms_max: ANSWER_MS_MAX,
            silence_ms_max: ANSWER_MS_MAX,
          },
          {
            head: (status, headers) => {
              head = { status, type: typeOf(headers) };
            },
            data: (part) => {
              bytes += part.byteLength;
              if (bytes <= ANSWER_BYTES_MAX) parts.push(part);
              else {
                call.abort();
                reject(new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`));
              }
            },
            end: () => resolve({ ...head, body: Buffer.concat(parts).toString('utf8') }),
            failed: ({ reason }) => reject(new Error(reason)),
          },
        );
      });
    } finally {
      await origin.close();
    }
  };
}

function typeOf(headers: HttpHeaders): string {
  const type = headers['content-type'];
  return typeof type === 'string' ? type : '';
}
