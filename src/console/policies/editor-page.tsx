import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { lazy, Suspense, useMemo, useState } from 'react';
import type { Output } from '../../api/contract/index.ts';
import { dropDraft, dropEdit, putEdits, realEdits, useDraft, withEdits } from '../data/policy-draft.ts';
import { policySchemaQuery, validateQuery, versionQuery, versionsQuery } from '../data/policy-queries.ts';
import { useSettled } from '../data/use-settled.ts';
import { Button, ButtonLook } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Empty, Failed, Skeleton } from '../parts/states.tsx';
import { Bench } from './bench.tsx';
import { FileBar } from './file-bar.tsx';
import { ProblemList } from './problem-list.tsx';
import { Propose } from './propose.tsx';

const CodeEditor = lazy(() => import('../editor/code-editor.tsx'));
const route = getRouteApi('/shell/policies/editor');
const REST_MS = 350;

/** Policies as text, with what is wrong with them as one types, and what they would decide beside them. */
export function EditorPage() {
  const { set } = route.useSearch();
  const versions = useQuery(versionsQuery);
  const draft = useDraft();
  const base = set ?? draft?.base ?? versions.data?.active;
  const version = useQuery({ ...versionQuery(base ?? ''), enabled: base !== undefined });
  if (versions.isError) return <Failed error={versions.error} retry={() => void versions.refetch()} />;
  if (version.isError) return <Failed error={version.error} retry={() => void version.refetch()} />;
  if (version.isPending || versions.isPending) return <Skeleton rows={12} />;
  return <Editor key={version.data.version.set} version={version.data} versions={versions.data} />;
}

type Props = { version: Output<'policy.version'>; versions: Output<'policy.versions'> };

function Editor({ version: { version, files }, versions }: Props) {
  const { file } = route.useSearch();
  const navigate = route.useNavigate();
  const draft = useDraft();
  const [proposing, setProposing] = useState(false);
  const [place, setPlace] = useState<{ line: number; column: number } | undefined>();
  const base = version.set;
  const stored = useMemo(() => new Map(files.map(({ name, text }) => [name, text])), [files]);
  const kept = draft?.base === base ? draft.edits : NONE;
  const shown = useMemo(() => withEdits(stored, kept), [stored, kept]);
  const edits = useMemo(() => realEdits(stored, kept), [stored, kept]);
  const names = [...shown.keys()];
  const open =
    file !== undefined && shown.has(file) ? file : (names.find((name) => name.endsWith('.cedar')) ?? names[0]);
  const show = (next: string) => void navigate({ search: (before) => ({ ...before, file: next }), replace: true });
  const settled = useSettled(shown, REST_MS);
  const typed = useMemo(() => [...settled].map(([name, text]) => ({ name, text })), [settled]);
  const problems = useProblems(typed);
  const here = useMemo(() => problems.filter((problem) => problem.file === open), [problems, open]);
  const schema = useQuery(policySchemaQuery).data;
  return (
    <div className="flex h-full flex-col">
      <div className="scrolls flex min-h-0 grow flex-col lg:flex-row lg:overflow-hidden">
        <section
          aria-label="Policies as text"
          className="flex min-w-0 flex-col max-lg:h-[70dvh] max-lg:shrink-0 lg:grow"
        >
          <FileBar
            files={names}
            changed={edits.map(({ name }) => name)}
            wrong={new Set(problems.filter(({ severity }) => severity === 'error').map((each) => each.file))}
            open={open}
            onOpen={show}
            onAdd={(name) => {
              putEdits(base, [{ name, text: '' }]);
              show(name);
            }}
          />
          <div className="min-h-0 grow">
            {open === undefined ? (
              <Empty title="No file yet">Name one above; a policy is written into a file such as support.cedar.</Empty>
            ) : (
              <Suspense fallback={<Skeleton rows={8} />}>
                <CodeEditor
                  label={`${open}, as text`}
                  name={open}
                  value={shown.get(open) ?? ''}
                  onChange={(text) => putEdits(base, [{ name: open, text }])}
                  problems={here}
                  schema={schema}
                  place={place}
                />
              </Suspense>
            )}
          </div>
          <ProblemList
            problems={problems}
            onGo={(problem) => {
              show(problem.file);
              setPlace({ line: problem.line, column: problem.column });
            }}
          />
        </section>
        <Bench base={base} stored={stored} shown={settled} edits={edits} onDrop={dropEdit} />
      </div>
      <footer className="flex shrink-0 flex-wrap items-center gap-3 border-line border-t bg-surface px-4 py-1.5">
        <span className="text-small text-soft">
          {edits.length === 0 ? 'Nothing is changed' : `${edits.length} changed`}
          {base === versions.active ? '' : `, from version ${version.number}, which is not in force`}
        </span>
        <div className="min-w-0 max-w-md grow max-sm:hidden">
          <Command line={'sallyport policy propose policies/ --reason "…"'} />
        </div>
        <span className="ml-auto flex gap-2">
          {edits.length > 0 && (
            <Link to="/policies/simulate" search={{ of: 'draft' }} className={ButtonLook}>
              Simulate…
            </Link>
          )}
          {edits.length > 0 && (
            <Button kind="quiet" onClick={() => dropDraft()}>
              Discard
            </Button>
          )}
          <Button
            kind="primary"
            disabled={edits.length === 0 || problems.some(({ severity }) => severity === 'error')}
            onClick={() => setProposing(true)}
          >
            Propose…
          </Button>
        </span>
      </footer>
      {proposing && <Propose base={base} edits={edits} source={versions.source} onClose={() => setProposing(false)} />}
    </div>
  );
}

const NONE: Readonly<Record<string, string | null>> = {};
const NO_PROBLEMS: Output<'policy.validate'>['problems'] = [];

/** Of policies alone: cases are run, not loaded. */
function useProblems(files: readonly { name: string; text: string }[]): Output<'policy.validate'>['problems'] {
  const policies = useMemo(() => files.filter(({ name }) => name.endsWith('.cedar')), [files]);
  return useQuery(validateQuery(policies)).data?.problems ?? NO_PROBLEMS;
}
