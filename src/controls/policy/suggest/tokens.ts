/**
 * Text as steps from its root: a path by its folders, an address by its host, a mailbox by its domain, a command by its
 * words. What stands at the front is what a destination is known by, so texts that begin alike are of one kind.
 */
export type Form = 'path' | 'url' | 'mail' | 'host' | 'words' | 'id';

const URL_START = /^[a-z][a-z0-9+.-]*:\/\//i;
const MAIL = /^[^\s@/]+@[^\s@/]+\.[^\s@/]+$/;
const HOST = /^(?=.*[a-z])[a-z0-9_-]+(?:\.[a-z0-9_-]+){2,}(?::\d+)?$/i;
const DATE = /^\d{4}-\d\d(?:-\d\d)?(?:[T ]\d\d:\d\d.*)?$|^\d\d?[./]\d\d?[./]\d{4}$|^\d\d:\d\d(?::\d\d)?$/;

/** Of most of the texts. */
export function formOf(texts: readonly string[]): Form | 'date' {
  const share = (test: (text: string) => boolean): number => texts.filter(test).length / Math.max(1, texts.length);
  if (share((text) => DATE.test(text)) > 0.9) return 'date';
  if (share((text) => URL_START.test(text)) > 0.6) return 'url';
  if (share((text) => MAIL.test(text)) > 0.6) return 'mail';
  if (share((text) => HOST.test(text)) > 0.8) return 'host';
  const spaced = share((text) => /\S\s+\S/.test(text));
  if (share((text) => /[/\\]/.test(text)) > 0.6 && spaced < 0.3) return 'path';
  return spaced > 0.3 ? 'words' : 'id';
}

/** Whether steps are read from the end: a mailbox and a host are known by their last part. */
export function isReversed(form: Form): boolean {
  return form === 'mail' || form === 'host';
}

/** Steps, the most telling first; joined (backwards where reversed) they are the text again. */
export function stepsOf(text: string, form: Form): string[] {
  switch (form) {
    case 'mail': {
      const at = text.lastIndexOf('@');
      return at <= 0 ? [text] : [text.slice(at), text.slice(0, at)];
    }
    case 'host':
      return hostSteps(text);
    case 'url': {
      const authority = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(text)?.[0] ?? '';
      const rest = text.slice(authority.length);
      return [authority, ...splitBefore(rest, /[/?&#]/)].filter((step) => step !== '');
    }
    case 'path':
      return splitBefore(text, /[/\\]/);
    case 'words':
      return splitBefore(text, /\s/);
    case 'id':
      return text.split(/(?=[-_.:#/@|+~])|(?<=^[A-Za-z]{1,6})(?=\d{3})/);
  }
}

/** The last two labels are one step: all that ends in `.com` is no kind. */
function hostSteps(text: string): string[] {
  const labels = text.split(/(?=\.)/);
  if (labels.length <= 2) return [text];
  return [labels.slice(-2).join(''), ...labels.slice(0, -2).reverse()];
}

function splitBefore(text: string, mark: RegExp): string[] {
  const steps: string[] = [];
  let from = 0;
  for (let at = 1; at < text.length; at += 1) {
    if (!mark.test(text[at] as string)) continue;
    steps.push(text.slice(from, at));
    from = at;
  }
  return text === '' ? [] : [...steps, text.slice(from)];
}
