import {
  autocompletion,
  type CompletionSource,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, indentOnInput } from '@codemirror/language';
import { type Diagnostic, lintGutter, lintKeymap } from '@codemirror/lint';
import { searchKeymap } from '@codemirror/search';
import type { Extension, Text } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { codePointName } from '../../api/contract/index.ts';
import { cedarColours, cedarLanguage } from './cedar-language.ts';
import { look } from './look.ts';

/** What the gateway finds wrong, by line and column from 1. */
export type Problem = {
  severity: 'error' | 'warning';
  line: number;
  column: number;
  message: string;
  help: string | null;
};

/** Everything that is drawn as nothing, as in core/visible-text.ts; lines and tabs are seen. */
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

const unseen = highlightSpecialChars({
  specialChars: UNSEEN,
  render(code) {
    const mark = document.createElement('span');
    mark.className = 'cm-unseen';
    mark.textContent = codePointName(String.fromCodePoint(code));
    mark.title = 'A character that would not be seen';
    return mark;
  },
});

type Options = {
  label: string;
  cedar: boolean;
  complete: CompletionSource | undefined;
  onChange: (text: string) => void;
};

/** All that is the same for every text; Tab moves on, as everywhere on a page. */
export function extensionsFor({ label, cedar, complete, onChange }: Options): Extension[] {
  return [
    lineNumbers(),
    highlightActiveLineGutter(),
    lintGutter(),
    unseen,
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    autocompletion(complete === undefined ? {} : { override: [complete], icons: false }),
    highlightActiveLine(),
    EditorView.lineWrapping,
    keymap.of([
      ...closeBracketsKeymap,
      ...defaultKeymap,
      ...searchKeymap,
      ...historyKeymap,
      ...completionKeymap,
      ...lintKeymap,
    ]),
    ...(cedar ? [cedarLanguage, cedarColours] : []),
    look,
    EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', autocapitalize: 'off' }),
    EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
  ];
}

/** Where the word begins at which something is wrong; a problem of a line that is gone stands at the end. */
export function diagnosticsOf(problems: readonly Problem[], doc: Text): Diagnostic[] {
  return problems.map(({ severity, line, column, message, help }) => {
    const at = doc.line(Math.max(1, Math.min(line, doc.lines)));
    const from = Math.min(at.from + Math.max(0, column - 1), at.to);
    const word = /^\w+|^\S/.exec(doc.sliceString(from, at.to))?.[0].length ?? 0;
    return { from, to: from + word, severity, message: help === null ? message : `${message}\n${help}` };
  });
}
