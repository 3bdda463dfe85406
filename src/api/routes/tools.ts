import type { Decided } from '../../controls/identity/index.ts';
import { isRefusal } from '../../core/refusal.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

type ToolOperation = 'tools.list' | 'tools.show' | 'tools.approve' | 'tools.reject' | 'tools.unpin';
type Given = { kind: Decided['part']['kind']; name: string; digest: string | null };

export function toolHandlers({ identity }: ApiPorts): Pick<Handlers, ToolOperation> {
  const { manifests } = identity;
  return {
    'tools.list': async () => ({ parts: [...(await manifests.list())] }),
    'tools.show': async ({ query }) => {
      const found = await manifests.show(query);
      if (isRefusal(found)) return found;
      const differences = found.differences.map(({ path, before, after }) => ({
        path,
        ...(before === undefined ? {} : { before }),
        ...(after === undefined ? {} : { after }),
      }));
      return { ...found, differences, flagged: [...found.flagged] };
    },
    'tools.approve': async ({ body: { server, parts, reason } }, { caller }) =>
      (await manifests.approve(server, parts.map(decided), caller.by, reason)) ?? { done: true },
    'tools.reject': async ({ body: { server, parts, reason } }, { caller }) =>
      (await manifests.reject(server, parts.map(decided), caller.by, reason)) ?? { done: true },
    'tools.unpin': async ({ body: { server, parts, reason } }, { caller }) =>
      (await manifests.unpin(server, parts ?? 'all', caller.by, reason)) ?? { done: true },
  };
}

function decided({ kind, name, digest }: Given): Decided {
  return { part: { kind, name }, digest };
}
