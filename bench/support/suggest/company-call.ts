import type { Call, Misuse } from './world.ts';

export const call = (name: string, args: Call['args']): Call => ({ tool: name, args });
export const bad = (kind: string, name: string, args: Call['args']): Misuse => ({ kind, tool: name, args });
