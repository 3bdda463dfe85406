import { HighlightStyle, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { tags } from '@lezer/highlight';
import { type CedarKind, cedarTokenAt } from '../data/cedar.ts';

const TAGS: Record<Exclude<CedarKind, 'text'>, string> = {
  comment: 'lineComment',
  annotation: 'meta',
  effect: 'keyword',
  keyword: 'keyword',
  variable: 'variableName',
  entity: 'typeName',
  member: 'propertyName',
  string: 'string',
  number: 'number',
  operator: 'operator',
};

/** The words of the language, told apart where the console shows policies and where they are written alike. */
export const cedarLanguage = StreamLanguage.define({
  name: 'cedar',
  token(stream) {
    const { kind, length } = cedarTokenAt(stream.string, stream.pos);
    stream.pos += length;
    return kind === 'text' ? null : TAGS[kind];
  },
  languageData: { commentTokens: { line: '//' }, closeBrackets: { brackets: ['(', '[', '{', '"'] } },
});

/** As in parts/cedar.tsx: weight, and two inks. */
export const cedarColours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.keyword, fontWeight: '600' },
    { tag: [tags.meta, tags.typeName], color: 'var(--color-accent)' },
    { tag: [tags.string, tags.number], color: 'var(--color-soft)' },
    { tag: [tags.operator, tags.lineComment], color: 'var(--color-faint)' },
    { tag: tags.lineComment, fontStyle: 'italic' },
  ]),
);
