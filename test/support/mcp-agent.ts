import type { AgentClient } from './agent-client.ts';
import type { World } from './world.ts';

export type Json = Record<string, unknown>;
export type Message = {
  id?: unknown;
  method?: string;
  params?: Json;
  result?: Json;
  error?: { code: number; message: string; data?: Json };
};

/** One HTTP answer, read message by message, whether it came as JSON or as a stream. */
export class Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly #abort: AbortController;
  readonly #messages: AsyncGenerator<Event>;
  readonly seen: Event[] = [];

  constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.headers = response.headers;
    this.#abort = abort;
    this.#messages = readMessages(response);
  }

  /** The next message, or undefined at the end. */
  async next(): Promise<Message | undefined> {
    for (;;) {
      const { value, done } = await this.#messages.next();
      if (done) return undefined;
      this.seen.push(value);
      if (value.message !== undefined) return value.message;
    }
  }

  /** The last message. */
  async last(): Promise<Message> {
    let last: Message = {};
    for (let message = await this.next(); message !== undefined; message = await this.next()) last = message;
    return last;
  }

  /** Reads on until a message of this method, or the end. */
  async until(method: string): Promise<Message | undefined> {
    let message = await this.next();
    while (message !== undefined && message.method !== method) message = await this.next();
    return message;
  }

  /** Goes away in the middle of it. */
  leave(): void {
    this.#abort.abort();
  }
}

type Event = { id: string | undefined; message: Message | undefined };

async function* readMessages(response: Response): AsyncGenerator<Event> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    const text = await response.text();
    if (text !== '') yield { id: undefined, message: JSON.parse(text) as Message };
    return;
  }
  let rest = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      const events = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        const data = /^data: (.+)$/m.exec(event)?.[1];
        const id = /^id: (.+)$/m.exec(event)?.[1];
        yield { id, message: data === undefined ? undefined : (JSON.parse(data) as Message) };
      }
    }
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error;
  }
}

/** An agent that writes its requests by hand, so that a test can write them wrongly. */
export class McpAgent {
  readonly world: World;
  readonly client: AgentClient;
  readonly path: string;
  #id = 0;

  constructor(world: World, client: AgentClient, path: string) {
    this.world = world;
    this.client = client;
    this.path = path;
  }

  async http(method: string, headers: Json, body?: string): Promise<Answer> {
    const url = `${this.world.running.agents_url}${this.path}`;
    const abort = new AbortController();
    const response = await fetch(url, {
      method,
      headers: {
        ...this.client.headers(method, `${this.world.public_url}${this.path}`),
        ...(headers as Record<string, string>),
      },
      ...(body === undefined ? {} : { body }),
      signal: abort.signal,
    });
    return new Answer(response, abort);
  }

  nextId(): number {
    this.#id += 1;
    return this.#id;
  }
}

const BOTH = 'application/json, text/event-stream';

/** Speaks 2026-07-28. */
export class ModernAgent extends McpAgent {
  capabilities: Json = {};

  send(method: string, params: Json = {}, more: { headers?: Json; meta?: Json } = {}): Promise<Answer> {
    const named = ['tools/call', 'prompts/get'].includes(method) ? params['name'] : params['uri'];
    const headers = {
      'content-type': 'application/json',
      accept: BOTH,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof named === 'string' ? { 'mcp-name': named } : {}),
      ...more.headers,
    };
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': this.capabilities,
      'io.modelcontextprotocol/clientInfo': { name: 'by hand', version: '1' },
      ...more.meta,
    };
    const message = { jsonrpc: '2.0', id: this.nextId(), method, params: { ...params, _meta: meta } };
    return this.http('POST', headers, JSON.stringify(message));
  }

  async ask(method: string, params: Json = {}, more: { headers?: Json; meta?: Json } = {}): Promise<Message> {
    return (await this.send(method, params, more)).last();
  }
}

/** Speaks 2025-11-25. */
export class SessionAgent extends McpAgent {
  session = '';
  version = '2025-11-25';

  headers(more: Json = {}): Json {
    return {
      'content-type': 'application/json',
      accept: BOTH,
      'mcp-protocol-version': this.version,
      ...(this.session === '' ? {} : { 'mcp-session-id': this.session }),
      ...more,
    };
  }

  async begin(capabilities: Json = {}): Promise<Message> {
    const params = { protocolVersion: this.version, capabilities, clientInfo: { name: 'by hand', version: '1' } };
    const answer = await this.send('initialize', params);
    this.session = answer.headers.get('mcp-session-id') ?? '';
    const told = await answer.last();
    await this.notify('notifications/initialized');
    return told;
  }

  send(method: string, params: Json = {}, headers: Json = {}, id: unknown = this.nextId()): Promise<Answer> {
    return this.http('POST', this.headers(headers), JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  }

  async ask(method: string, params: Json = {}): Promise<Message> {
    return (await this.send(method, params)).last();
  }

  async notify(method: string, params: Json = {}): Promise<number> {
    return (await this.http('POST', this.headers(), JSON.stringify({ jsonrpc: '2.0', method, params }))).status;
  }

  /** Answers what a server asked. */
  async answer(id: unknown, result: Json): Promise<number> {
    return (await this.http('POST', this.headers(), JSON.stringify({ jsonrpc: '2.0', id, result }))).status;
  }
}

/** A list in a result, or nothing. */
export function listOf<T = Json>(message: Message, field: string): T[] {
  return (message.result?.[field] ?? []) as T[];
}

/** `_meta` of a result or a notification. */
export function metaOf(message: Message | undefined): Json {
  return ((message?.result ?? message?.params)?.['_meta'] ?? {}) as Json;
}

/** The text of a tool's result. */
export function textOf(message: Message): string {
  const content = message.result?.['content'] as { text?: string }[] | undefined;
  return content?.map(({ text }) => text ?? '').join('\n') ?? JSON.stringify(message);
}

/** The code of a refusal, in whichever form it was told. */
export function codeOf(message: Message): unknown {
  return message.error?.data?.['code'] ?? metaOf(message)['dev.sallyport/code'];
}
