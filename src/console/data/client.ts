import { type Calling, createClient, type Failure, fetchTransport } from '../../api/client/index.ts';
import type { Input, Output, Problem } from '../../api/contract/index.ts';

export const client = createClient(fetchTransport(), 'console');

/** A refusal on its way to a page that shows it. `status` is 0 where the gateway does not answer. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem;
  constructor({ status, problem }: Failure) {
    super(problem.message);
    this.status = status;
    this.problem = problem;
  }
}

/** @throws ApiError for queries and mutations, whose libraries expect a throw. */
export async function ask<O extends Calling>(operation: O, input: Input<O>, signal?: AbortSignal): Promise<Output<O>> {
  const result = await client.call(operation, input, signal === undefined ? {} : { signal });
  if (result.kind === 'failure') throw new ApiError(result);
  return result.value;
}

export function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status;
}
