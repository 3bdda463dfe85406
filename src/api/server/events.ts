import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.ts';
import type { StreamEvent } from '../handler.ts';
import { SAFE_HEADERS } from './headers.ts';

/** A silent stream says that it lives, and is asked again whether it may. */
const RECHECK_MS = 10_000;

type Writing = {
  response: ServerResponse;
  events: AsyncIterable<StreamEvent | 'idle'>;
  signal: AbortSignal;
  clock: Clock;
  /** Whether the reader would still be let in: a session ends, a role is taken away. */
  stillMay(): Promise<boolean>;
};

/** Writes events until the reader goes, may no longer read, or there is nothing more. A slow reader waits, not memory. */
export async function writeEvents({ response, events, signal, clock, stillMay }: Writing): Promise<void> {
  response.writeHead(200, { ...SAFE_HEADERS, 'content-type': 'text/event-stream; charset=utf-8' });
  response.write(': open\n\n');
  let checked_at = clock.monotonic();
  try {
    for await (const event of events) {
      if (signal.aborted) break;
      if (clock.monotonic() - checked_at > RECHECK_MS) {
        if (!(await stillMay())) break;
        checked_at = clock.monotonic();
        response.write(': alive\n\n');
      }
      if (event !== 'idle' && !response.write(eventText(event))) await drained(response, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    response.end();
  }
}

/** JSON has no line breaks of its own, so nothing in it can end an event or begin a field. */
function eventText({ id, event }: StreamEvent): string {
  const data = `data: ${JSON.stringify(event)}\n\n`;
  return id === undefined ? data : `id: ${id}\n${data}`;
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  await once(response, 'drain', { signal });
}
