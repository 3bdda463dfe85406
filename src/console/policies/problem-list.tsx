import type { PolicyProblem } from '../../api/contract/index.ts';
import { Mark } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';

/** What is wrong with what is typed; a click goes to the place. Nothing is said where nothing is wrong. */
export function ProblemList({
  problems,
  onGo,
}: {
  problems: readonly PolicyProblem[];
  onGo: (problem: PolicyProblem) => void;
}) {
  if (problems.length === 0) return null;
  return (
    <ul
      aria-label="Problems"
      className="scrolls max-h-36 shrink-0 divide-y divide-line border-line border-t bg-surface"
    >
      {problems.map((problem) => (
        <li key={`${problem.file}:${problem.line}:${problem.column}${problem.message}`}>
          <button
            type="button"
            onClick={() => onGo(problem)}
            className="flex w-full items-baseline gap-3 px-4 py-1.5 text-left -outline-offset-2 hover:bg-hover"
          >
            <Mark tone={problem.severity === 'error' ? 'alert' : 'hold'} word={problem.severity} />
            <span className="min-w-0 grow">
              <Text value={problem.message} />
              {problem.help !== null && (
                <span className="text-faint">
                  {' '}
                  <Text value={problem.help} />
                </span>
              )}
            </span>
            <span className="shrink-0 font-mono text-faint text-small">
              <Text value={`${problem.file}:${problem.line}`} />
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
