/** One server-sent event (HTML Living Standard, section 9.2), as far as this API uses them. */
export type ServerEvent = { id: string | undefined; data: string };

const EVENT_LENGTH_MAX = 4 * 1024 * 1024;

/** @throws Error when one event is longer than the bound: the other end is not the gateway. */
export async function* serverEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const utf8 = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += utf8.decode(chunk, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    if (rest.length > EVENT_LENGTH_MAX) throw new Error('an event is longer than the client reads');
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event !== undefined) yield event;
    }
  }
}

/** Comments (`: keep-alive`) and fields that are not used here yield nothing. */
function parseEvent(block: string): ServerEvent | undefined {
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('data: ')) data.push(line.slice(6));
    else if (line.startsWith('id: ')) id = line.slice(4);
  }
  return data.length === 0 ? undefined : { id, data: data.join('\n') };
}
