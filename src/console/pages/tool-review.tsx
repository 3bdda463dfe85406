import { useMemo } from 'react';
import { type ToolDetail, visibleText } from '../../api/contract/index.ts';
import { isTakenBack, lookalikeFlags } from '../data/tools.ts';
import { Change } from '../parts/diff.tsx';
import { Fact, Section } from '../parts/facts.tsx';
import { Json } from '../parts/json.tsx';
import { Mark } from '../parts/marks.tsx';
import { Folded, Lines, Text } from '../parts/text.tsx';

/** What a person has to see before a decision: what nobody would see, and what differs, or all of it where it is new. */
export function Review({ detail }: { detail: ToolDetail }) {
  const { before, after, differences } = detail;
  return (
    <div className="@container flex flex-col gap-4">
      <Flags detail={detail} />
      {isTakenBack(detail) && (
        <p className="rounded-medium bg-hold-soft px-3 py-2">
          It is offered as it was pinned again. It was something else in between, and what that did nobody knows.
        </p>
      )}
      {before !== null && after === null && <p>The server does not offer it any more.</p>}
      {before !== null && after !== null && differences.length > 0 && (
        <div className="flex flex-col gap-3">
          {differences.map(({ path, ...sides }) => (
            <Change key={path} path={path} before={sides.before} after={sides.after} />
          ))}
        </div>
      )}
      {before === null && after !== null && <Definition value={after} />}
    </div>
  );
}

const FLAG_WORDS = {
  hidden: 'hidden characters',
  bidirectional: 'characters that turn the direction of text',
  tag: 'invisible letters',
} as const;

function Flags({ detail: { flagged, refused, after } }: { detail: ToolDetail }) {
  const letters = useMemo(() => lookalikeFlags(after), [after]);
  if (flagged.length + letters.length === 0 && refused === null) return null;
  return (
    <ul aria-label="What nobody would see" className="flex flex-col gap-1.5 rounded-medium bg-alert-soft px-3 py-2">
      {refused !== null && (
        <li className="flex flex-wrap items-baseline gap-x-3">
          <Mark tone="deny" word="cannot be approved" />
          <Text value={refused} letters />
        </li>
      )}
      {flagged.map(({ path, what, characters }) => (
        <Flag key={path + what} word={FLAG_WORDS[what]} path={path} characters={characters} />
      ))}
      {letters.map(({ path, characters }) => (
        <Flag key={path} word="letters that pass for others" path={path} characters={characters} />
      ))}
    </ul>
  );
}

function Flag({ word, path, characters }: { word: string; path: string; characters: string }) {
  return (
    <li className="flex flex-wrap items-baseline gap-x-3">
      <Mark tone="alert" word={word} />
      <span className="min-w-0">
        <span className="font-mono text-small">{characters}</span> in{' '}
        <Text value={path} letters className="font-mono text-small" />
      </span>
    </li>
  );
}

const FIRST = ['title', 'description', 'instructions', 'inputSchema', 'arguments', 'outputSchema', 'annotations'];
const TITLES: Readonly<Record<string, string>> = {
  title: 'Title',
  description: 'Description',
  instructions: 'Instructions',
  inputSchema: 'What it takes',
  arguments: 'What it takes',
  outputSchema: 'What it returns',
  annotations: 'Annotations (claims; policy does not read them)',
  about: 'About',
  icons: 'Icons',
};

/** A definition as the server gives it: text as text, the rest as JSON. */
export function Definition({ value }: { value: unknown }) {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return <Json value={value} what="definition" />;
  const members = Object.entries(value)
    .filter(([key, member]) => key !== 'name' && member !== null)
    .sort(([a], [b]) => placeOf(a) - placeOf(b));
  return (
    <div className="flex flex-col gap-4">
      {members.map(([key, member]) => (
        <Section key={key} title={TITLES[key] ?? visibleText(key)}>
          {typeof member === 'string' ? <Prose value={member} /> : <Json value={member} what={visibleText(key)} />}
        </Section>
      ))}
    </div>
  );
}

function placeOf(key: string): number {
  const at = FIRST.indexOf(key);
  return at < 0 ? FIRST.length : at;
}

function Prose({ value }: { value: string }) {
  return (
    <div className="rounded-medium border border-line bg-surface px-3 py-2">
      <Folded value={value}>{(shown) => <Lines value={shown} letters />}</Folded>
    </div>
  );
}

const ORIGIN_FACTS: readonly [key: string, name: string][] = [
  ['address', 'Address'],
  ['key', 'Key of its certificate'],
  ['query_digest', 'Digest of its query'],
  ['executable', 'Program'],
  ['executable_digest', 'Digest of the program'],
  ['script', 'Script'],
  ['script_digest', 'Digest of the script'],
  ['arguments_digest', 'Digest of the command'],
  ['cwd', 'Folder'],
];

/** Where a server is and with which key, or which program and package it is: lines of a fact sheet. */
export function OriginFacts({ value }: { value: unknown }) {
  const origin = (value ?? {}) as Record<string, unknown>;
  const found = origin['package'] as
    | { name: string; version: string; files: number; digest: string }
    | null
    | undefined;
  return (
    <>
      {ORIGIN_FACTS.map(([key, name]) => (
        <Fact key={key} name={name}>
          {typeof origin[key] === 'string' && (
            <Text value={origin[key]} letters className="break-all font-mono text-small" />
          )}
        </Fact>
      ))}
      {origin['kind'] === 'address' && origin['key'] === null && (
        <Fact name="Key of its certificate">
          <span className="text-soft">None seen: not reached yet, or reached without TLS</span>
        </Fact>
      )}
      {origin['kind'] === 'program' && origin['executable_digest'] === null && (
        <Fact name="Digest of the program">
          <span className="text-soft">None: the gateway’s own Node, or a file that cannot be read</span>
        </Fact>
      )}
      {found !== null && found !== undefined && (
        <Fact name="Package">
          <Text value={`${found.name} ${found.version}, ${found.files} files`} letters />{' '}
          <Text value={found.digest} className="break-all font-mono text-small" />
        </Fact>
      )}
    </>
  );
}
