import type { JsonObject } from '../../../core/json.ts';
import type { ForwardIo } from '../../../enforcement/index.ts';

/** Notices that wait for an agent who reads slowly; what comes beyond is dropped, since each only says: look again. */
const WAITING_MAX = 64;

export type Say = (method: string, params: JsonObject) => Promise<void>;

/** Says something on a stream that belongs to no one answer, as a frame of the exchange that opened it. */
export function sayOn(io: ForwardIo, meta: JsonObject | undefined): Say {
  let waiting = 0;
  return async (method, params) => {
    if (waiting >= WAITING_MAX) return;
    waiting += 1;
    const shown = meta === undefined ? params : { ...params, _meta: meta };
    const value = { jsonrpc: '2.0', method, params: shown };
    try {
      await io.emit({ name: method, value, bytes: JSON.stringify(shown).length });
    } finally {
      waiting -= 1;
    }
  };
}
