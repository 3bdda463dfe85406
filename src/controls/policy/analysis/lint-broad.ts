import { asObject, type CedarJson, isArray } from '../cedar/json-values.ts';
import { nodeOf, operandsOf } from './expression.ts';
import { headOf } from './head.ts';
import type { Found } from './lint.ts';
import type { Ready } from './scoped.ts';
import { conditionsOf } from './slots.ts';

/** Actions that reach what a server holds or does; the others ask what there is. */
const REACHING: ReadonlySet<string> = new Set([
  'tool.call',
  'prompt.get',
  'resource.read',
  'resource.subscribe',
  'sampling.create',
  'elicitation.create',
  'roots.list',
]);

/** A permit that names less than its author can have meant. One that is recorded only permits nothing. */
export function tooBroad(policy: Ready): Found[] {
  if (policy.loaded.role !== 'permit') return [];
  return [
    ...broadHead(policy),
    ...conditionsOf(policy.source).flatMap((json) => (matchesAll(json) ? [broadPattern(policy)] : [])),
  ];
}

function broadHead({ source }: Ready): Found[] {
  if (conditionsOf(source).some((condition) => !isTrue(condition))) return [];
  const { principal, resource, actions, anyAction } = headOf(source);
  const anybody = principal.kind === 'any' || (principal.kind === 'is' && principal.within === undefined);
  const anything = resource.kind === 'any' || (resource.kind === 'is' && resource.within === undefined);
  const whole = anything || resource.kind === 'within' || resource.kind === 'is' || isServer(resource);
  const reaches = actions.some((action) => REACHING.has(action));
  if (!anyAction && !(reaches && (anything || (anybody && whole)))) return [];
  const said = [
    anybody ? 'every agent' : '',
    anyAction ? 'every action' : '',
    anything ? 'everything there is' : whole && anybody ? 'all of a server' : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
  const message = `${source.id} permits without a condition, and takes in ${said}.`;
  const help = broadHelp(anybody, anyAction, anything);
  return [{ kind: 'overbroad', severity: 'warning', message, help }];
}

function isServer(resource: ReturnType<typeof headOf>['resource']): boolean {
  return resource.kind === 'equals' && resource.entity.type === 'Server';
}

function broadHelp(anybody: boolean, anyAction: boolean, anything: boolean): string {
  const parts = [
    ...(anybody ? ['principal == Agent::"…"'] : []),
    ...(anyAction ? ['action == Action::"tool.call"'] : []),
    ...(anything ? ['resource == Tool::"server/tool"'] : []),
  ];
  return `Name in the head ${parts.join(', ')}, or add a condition: when { context.run.job == "…" }.`;
}

/** `when { true }` is no condition. */
function isTrue(json: CedarJson): boolean {
  const node = nodeOf(json);
  if (node === undefined) return false;
  if (node.operator === 'Value') return node.body === true;
  return node.operator === '&&' && operandsOf(node).every(isTrue);
}

/** A `like` that every text fits, wherever a permit needs it. */
function matchesAll(json: CedarJson): boolean {
  const node = nodeOf(json);
  if (node === undefined || node.operator === '!') return false;
  if (node.operator !== 'like') return operandsOf(node).some(matchesAll);
  const { pattern } = asObject(node.body);
  return isArray(pattern ?? 0) && (pattern as readonly CedarJson[]).every((element) => element === 'Wildcard');
}

function broadPattern({ source }: Ready): Found {
  const at = /like\s+"\*+"/.exec(source.text)?.index ?? 0;
  return {
    kind: 'overbroad',
    severity: 'warning',
    message: `${source.id} compares with "*", which every text fits: the condition only asks that there is one.`,
    help: 'Write the beginning that is meant, such as like "reports/*", or `has` if it is only to be there.',
    offset: at,
  };
}
