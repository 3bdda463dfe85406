/**
 * Which shape each argument gets. Every condition keeps something out and may break an honest call tomorrow; what may break
 * is one budget over all conditions of an agent's job, spent where it keeps out most for the risk.
 */
export type Offer = { column: number; worth: number; risk: number };

/** Expected share of honest calls that all conditions together may break. */
export const RISK_BUDGET = 0.006;
/** No condition may break more than this share of the calls of its own tool, however rare the tool is. */
export const RISK_MAX = 0.25;

/** However much of the budget is left, what keeps out little is not worth breaking calls for. */
const GAIN_FOR_RISK = 100;

type Step = { offer: Offer; gain: number; cost: number };

/**
 * Greedy on the convex hull of each column (the multiple-choice knapsack's relaxation): at most one offer for each column.
 * @param budget in the unit of `risk`.
 */
export function choose<O extends Offer>(offers: readonly O[], budget: number): O[] {
  const steps = [...byColumn(offers).values()].flatMap(hullOf);
  steps.sort((a, b) => b.gain / b.cost - a.gain / a.cost);
  const chosen = new Map<number, O>();
  let left = budget;
  const stopped = new Set<number>();
  for (const { offer, gain, cost } of steps) {
    // A hull is climbed in order: its next step counts from the one before.
    if (stopped.has(offer.column)) continue;
    if (cost > left || gain / cost < GAIN_FOR_RISK) {
      stopped.add(offer.column);
      continue;
    }
    left -= cost;
    chosen.set(offer.column, offer as O);
  }
  return [...chosen.values()];
}

function byColumn<O extends Offer>(offers: readonly O[]): Map<number, O[]> {
  const columns = new Map<number, O[]>();
  for (const offer of offers) columns.set(offer.column, [...(columns.get(offer.column) ?? []), offer]);
  return columns;
}

function hullOf(offers: readonly Offer[]): Step[] {
  const sorted = [...offers].sort((a, b) => a.risk - b.risk || b.worth - a.worth);
  const hull: Offer[] = [];
  const slope = (from: Offer | undefined, to: Offer): number =>
    (to.worth - (from?.worth ?? 0)) / Math.max(1e-9, to.risk - (from?.risk ?? 0));
  for (const offer of sorted) {
    if (offer.worth <= (hull.at(-1)?.worth ?? 0)) continue;
    while (hull.length > 0 && slope(hull.at(-2), hull.at(-1) as Offer) <= slope(hull.at(-2), offer)) hull.pop();
    hull.push(offer);
  }
  return hull.map((offer, at) => {
    const before = hull[at - 1];
    return { offer, gain: offer.worth - (before?.worth ?? 0), cost: Math.max(1e-9, offer.risk - (before?.risk ?? 0)) };
  });
}
