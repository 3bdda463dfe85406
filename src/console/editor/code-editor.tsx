import { setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { useEffect, useMemo, useRef } from 'react';
import type { Output } from '../../api/contract/index.ts';
import { completeFrom } from './complete.ts';
import { diagnosticsOf, extensionsFor, type Problem } from './editor-state.ts';

type Props = {
  /** What it is, for those who do not see it. */
  label: string;
  /** Another name is another text, with a history of its own. */
  name: string;
  value: string;
  onChange: (value: string) => void;
  problems: readonly Problem[];
  /** What can be completed, as soon as it is known. */
  schema: Output<'policy.schema'> | undefined;
  /** Where to go, by a click on a problem: a new object each time. */
  place?: { line: number; column: number } | undefined;
};

/**
 * An editor in a shadow tree of its own: there its style sheets are made by the script as objects, which the page's content
 * security policy allows, and not as `style` elements, which it does not.
 */
export default function CodeEditor({ label, name, value, onChange, problems, schema, place }: Props) {
  const complete = useMemo(() => (schema === undefined ? undefined : completeFrom(schema)), [schema]);
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const latest = useRef({ value, onChange });
  latest.current = { value, onChange };

  useEffect(() => {
    const root = host.current?.shadowRoot ?? host.current?.attachShadow({ mode: 'open' });
    if (root === undefined) return;
    const extensions = extensionsFor({
      label,
      cedar: !name.endsWith('.yaml'),
      complete,
      onChange: (text) => latest.current.onChange(text),
    });
    const made = new EditorView({
      state: EditorState.create({ doc: latest.current.value, extensions }),
      parent: root,
      root,
    });
    view.current = made;
    return () => made.destroy();
  }, [name, label, complete]);

  useEffect(() => {
    const here = view.current;
    if (here === undefined || here.state.doc.toString() === value) return;
    here.dispatch({ changes: { from: 0, to: here.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    const here = view.current;
    if (here !== undefined) here.dispatch(setDiagnostics(here.state, diagnosticsOf(problems, here.state.doc)));
  }, [problems]);

  useEffect(() => {
    const here = view.current;
    if (here === undefined || place === undefined) return;
    const line = here.state.doc.line(Math.max(1, Math.min(place.line, here.state.doc.lines)));
    const anchor = Math.min(line.from + Math.max(0, place.column - 1), line.to);
    here.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
    here.focus();
  }, [place]);

  return <div ref={host} className="h-full min-h-0" />;
}
