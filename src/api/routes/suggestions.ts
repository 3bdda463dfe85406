import type { SuggestedClause as LearntClause } from '../../controls/policy/index.ts';
import { refuse } from '../../core/refusal.ts';
import type { SuggestedClause } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

type SuggestionOperation = 'policy.suggestions' | 'policy.suggestion';

export function suggestionHandlers({ suggestions }: ApiPorts): Pick<Handlers, SuggestionOperation> {
  return {
    'policy.suggestions': async ({ query: { days, agent, job } }, { caller }) => {
      const asked = { days, ...(agent === undefined ? {} : { agent }), ...(job === undefined ? {} : { job }) };
      const { suggestions: found, read } = await suggestions.list(asked, caller.by);
      return { suggestions: [...found], read };
    },
    'policy.suggestion': async ({ params, query: { days } }, { caller }) => {
      const found = await suggestions.one({ ...params, days }, caller.by);
      if (found === undefined) {
        return refuse('not_found', `${params.agent} did nothing in ${params.job} in ${days} days that was permitted`);
      }
      return { ...found, clauses: found.clauses.map(clause), unused: [...found.unused], lists: [...found.lists] };
    },
  };
}

function clause({ conditions, evidence, ...rest }: LearntClause): SuggestedClause {
  return {
    ...rest,
    conditions: conditions.map((condition) => ({ ...condition, arguments: [...condition.arguments] })),
    evidence: { ...evidence, receipts: [...evidence.receipts] },
  };
}
