/**
 * Enforcement: the one place where protocols and controls meet. It runs every exchange through the pipeline's table, cuts
 * what is in flight, and opens every outgoing connection. Its attacker speaks any protocol fluently and looks for the path
 * that skips a stage; so there is one path, the runner's, and it ends in a receipt. Rejected: middleware per protocol
 * (nine copies that drift), hooks that a protocol calls when it remembers to.
 */
export type { Attempt, ChildRequest, ChildResult, ForwardIo, Gateway, PassResult, Sink } from './attempt.ts';
export { type Egress, type EgressOptions, openEgress } from './egress/egress.ts';
export type {
  HttpAddress,
  HttpCall,
  HttpFailure,
  HttpHeaders,
  HttpOrigin,
  HttpReply,
  HttpRequest,
} from './egress/http.ts';
export type { Child, ChildEnd, ChildOutput, Program } from './egress/launch.ts';
export type { Network } from './egress/learned.ts';
export type { ProgramIdentity } from './egress/program-identity.ts';
export type { Live, LiveExchange } from './live.ts';
export { type Bounds, type Enforcement, type EnforcementParts, openEnforcement } from './open.ts';
export type { Cell, Planned, Row, Table } from './pipeline.ts';
export { sourcePrefix } from './source.ts';
