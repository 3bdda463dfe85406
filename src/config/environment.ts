/** The only place that reads the environment of the process: what may influence Sallyport is on this page. */

export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** What every child gets: where programs are, and on Windows what they cannot start without. Nothing of the operator's. */
export function childEnvironment(): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of ['PATH', 'SystemRoot']) {
    const value = process.env[name];
    if (value !== undefined) out[name] = value;
  }
  return out;
}

export type TerminalPreferences = { color: boolean | undefined; columns: number | undefined };

/** https://no-color.org and https://force-color.org; undefined where nothing is said. */
export function terminalPreferences(): TerminalPreferences {
  const columns = Number(process.env['COLUMNS']);
  const forced = process.env['FORCE_COLOR'];
  let color: boolean | undefined;
  if (process.env['NO_COLOR']) color = false;
  else if (process.env['TERM'] === 'dumb') color = false;
  else if (forced !== undefined && forced !== '0' && forced !== '') color = true;
  return { color, columns: Number.isInteger(columns) && columns > 0 ? columns : undefined };
}

/** `SALLYPORT_CONFIG`: the file to read where `--config` is not given. */
export function configuredPath(): string | undefined {
  return process.env['SALLYPORT_CONFIG'] || undefined;
}
