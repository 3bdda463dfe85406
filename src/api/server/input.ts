import type { FastifyRequest } from 'fastify';
import type { Problem, Route } from '../contract/index.ts';

type Issues = NonNullable<Problem['issues']>;

/** What was sent does not have the form that the contract says. */
export class InputInvalid extends Error {
  readonly issues: Issues;
  constructor(issues: Issues) {
    super(issues.map(({ path, message }) => `${path}: ${message}`).join('; '));
    this.issues = issues;
  }
}

/** @throws InputInvalid naming every part that is wrong. */
export function parseInput(route: Route, request: FastifyRequest): { params: unknown; query: unknown; body: unknown } {
  const issues: Issues = [];
  const part = (name: 'params' | 'query' | 'body', value: unknown): unknown => {
    const parsed = route[name].safeParse(value ?? {});
    if (parsed.success) return parsed.data;
    for (const { path, message } of parsed.error.issues)
      issues.push({ path: [name, ...path].map(String).join('.'), message });
    return undefined;
  };
  const input = {
    params: part('params', request.params),
    query: part('query', request.query),
    body: part('body', request.body),
  };
  if (issues.length > 0) throw new InputInvalid(issues);
  return input;
}
