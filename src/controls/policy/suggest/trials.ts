import type { Candidate, Observed } from './candidates.ts';
import type { Column, Table } from './columns.ts';
import { fits, type Shape } from './shapes.ts';

/**
 * How a way of learning would have fared: runs are held out in turn, the shape is learnt from the others, and the calls
 * of the held-out runs are put to it.
 */
export type Trial = {
  candidate: Candidate;
  /** By agent: calls tried while held out, and those that the shape would have broken. */
  tried: readonly number[];
  broken: readonly number[];
};

export const PARTS = 10;

/** @param parts by row: which part of the runs it belongs to, 0 to `PARTS` - 1. */
export function tryOut(
  candidate: Candidate,
  column: Column,
  table: Table,
  parts: readonly number[],
  agents: number,
): Trial {
  const tried = new Array<number>(agents).fill(0);
  const broken = new Array<number>(agents).fill(0);
  const rows = rowsOf(column);
  for (let part = 0; part < PARTS; part += 1) {
    const held = rows.filter((row) => parts[row] === part);
    if (held.length === 0) continue;
    const rest = rows.filter((row) => parts[row] !== part);
    const shapeFor = fitterFor(candidate, column, table, rest);
    const taught = new Set(rest.map((row) => table.agents[row]));
    for (const row of held) {
      const agent = table.agents[row] as number;
      // Of an agent that was seen in no other run, nothing can be held out.
      if (candidate.scope === 'own' && !taught.has(agent)) continue;
      const shape = shapeFor(agent);
      tried[agent] = (tried[agent] as number) + 1;
      const { value, facts } = observed(column, table, row);
      if (shape === undefined || !fits(shape, value, facts)) broken[agent] = (broken[agent] as number) + 1;
    }
  }
  return { candidate, tried, broken };
}

/** What one agent did is learnt from the others alone: how it would fare for an agent of whom nothing is known. */
export function tryAcrossAgents(candidate: Candidate, column: Column, table: Table): { tried: number; broken: number } {
  const rows = rowsOf(column);
  let broken = 0;
  for (const agent of new Set(table.agents)) {
    const rest = rows.filter((row) => table.agents[row] !== agent);
    const shape = candidate.fit(rest.map((row) => observed(column, table, row)));
    for (const row of rows) {
      if (table.agents[row] !== agent) continue;
      const { value, facts } = observed(column, table, row);
      if (shape === undefined || !fits(shape, value, facts)) broken += 1;
    }
  }
  return { tried: rows.length, broken };
}

/** The shape that an agent gets from all that is known. */
export function fitAll(candidate: Candidate, column: Column, table: Table, agent: number): Shape | undefined {
  return fitterFor(candidate, column, table, rowsOf(column))(agent);
}

function fitterFor(
  candidate: Candidate,
  column: Column,
  table: Table,
  rows: readonly number[],
): (agent: number) => Shape | undefined {
  const known = new Map<number, Shape | undefined>();
  return (agent) => {
    const key = candidate.scope === 'job' ? -1 : agent;
    if (known.has(key)) return known.get(key);
    const from = key === -1 ? rows : rows.filter((row) => table.agents[row] === agent);
    const shape = candidate.fit(from.map((row) => observed(column, table, row)));
    known.set(key, shape);
    return shape;
  };
}

export function rowsOf(column: Column): number[] {
  return column.cells.flatMap((cell, row) => (cell === undefined ? [] : [row]));
}

function observed(column: Column, table: Table, row: number): Observed {
  const use = table.uses[row] as Table['uses'][number];
  return { value: column.cells[row] as Observed['value'], run: table.runs[row] as number, facts: use.run };
}
