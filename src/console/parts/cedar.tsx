import { type CedarKind, cedarTokens } from '../data/cedar.ts';
import { Block } from './copy.tsx';
import { Folded, Text } from './text.tsx';

/** Weight and two inks: colour is kept for state, so that a word of the language is not read as one. */
const LOOK: Record<CedarKind, string> = {
  text: '',
  comment: 'text-faint italic',
  annotation: 'text-accent',
  effect: 'font-semibold',
  keyword: 'font-semibold',
  variable: '',
  entity: 'text-accent',
  member: '',
  string: 'text-soft',
  number: 'text-soft',
  operator: 'text-faint',
};

/** A policy's text, or a piece of it, as it is written. */
export function Cedar({ value }: { value: string }) {
  return (
    <span dir="ltr" className="whitespace-pre-wrap break-words">
      {cedarTokens(value).map(({ at, kind, text }) =>
        kind === 'text' ? <Spaced key={at} value={text} /> : <Text key={at} value={text} className={LOOK[kind]} />,
      )}
    </span>
  );
}

/** Lines stay lines; anything else that cannot be seen is marked. */
function Spaced({ value }: { value: string }) {
  return value
    .split(/(\r?\n)/)
    .map((part, at) => ({ at, part }))
    .map(({ at, part }) => (at % 2 === 1 ? '\n' : <Text key={at} value={part} />));
}

/** The same in a frame, to take away. */
export function CedarBlock({ value }: { value: string }) {
  return (
    <Block value={value} what="policy">
      <Folded value={value}>{(shown) => <Cedar value={shown} />}</Folded>
    </Block>
  );
}
