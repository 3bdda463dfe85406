/**
 * What every protocol over HTTP reads in the same way: header fields, who presents them, and a body within its bound. It
 * answers nothing and decides nothing. Its attacker sends a field twice, so that two readers see two requests, or a body
 * without an end. Rejected: node's parsed headers (they hide repetitions), body parsers that inflate.
 */
export { type BodyFields, readBody } from './body.ts';
export { type HttpFields, presentedOf, readFields } from './fields.ts';
