/**
 * The control plane's client, typed by the contract: the console uses it in the browser, the command line over the
 * control socket, so both can only do what the table says. It checks what comes back, since a client that trusts its
 * server shows an attacker's words as its own. `socketTransport` has a door of its own, `socket.ts`, because a browser
 * cannot load it. Rejected: a generated client (the types already follow from the table).
 */
export type { Calling, CallOptions, Client, Failure, Result, StreamItem, Streaming, StreamOptions } from './client.ts';
export { address, createClient } from './client.ts';
export type { Transport, TransportAnswer, TransportRequest } from './transport.ts';
export { fetchTransport } from './transport.ts';
