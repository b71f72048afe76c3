/** Words for the direction of a radiograph → PA, AP, LATERAL, FRONTAL (PA or AP, not said which), OTHER; UNKNOWN where nothing is said. */
export function viewOf(said: string | undefined): string {
  const word = (said ?? '').trim().toUpperCase();
  if (word === '') return 'UNKNOWN';
  return VIEWS[word] ?? 'OTHER';
}

/** LL and RL: lateral, by the side that was at the plate. */
const VIEWS: Record<string, string> = {
  PA: 'PA',
  AP: 'AP',
  LATERAL: 'LATERAL',
  LL: 'LATERAL',
  RL: 'LATERAL',
  FRONTAL: 'FRONTAL',
  UNKNOWN: 'UNKNOWN',
};
