import type { JsonObject } from '../../core/json.ts';

/** AuthZEN Authorization API 1.0, section 9.2: where each kind of question is asked, and what metadata calls it. */
export type Endpoint = { kind: 'evaluation' | 'evaluations' | 'subject' | 'resource' | 'action' } & {
  path: string;
  operation: string;
  key: string;
};

function endpoint(kind: Endpoint['kind'], path: string, key: string): Endpoint {
  return { kind, path: `/access/v1/${path}`, operation: `access/${path}`, key };
}

export const ENDPOINTS: readonly Endpoint[] = [
  endpoint('evaluation', 'evaluation', 'access_evaluation_endpoint'),
  endpoint('evaluations', 'evaluations', 'access_evaluations_endpoint'),
  endpoint('subject', 'search/subject', 'search_subject_endpoint'),
  endpoint('resource', 'search/resource', 'search_resource_endpoint'),
  endpoint('action', 'search/action', 'search_action_endpoint'),
];

export const METADATA_PATH = '/.well-known/authzen-configuration';

/** Section 9.1. The identifier is the agents' public address, from configuration and never from a header. */
export function metadata(public_url: string): JsonObject {
  const base = public_url.replace(/\/+$/, '');
  return Object.fromEntries([
    ['policy_decision_point', base],
    ...ENDPOINTS.map(({ key, path }): [string, string] => [key, base + path]),
  ]);
}
