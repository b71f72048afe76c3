/**
 * MIMIC-CXR studies whose report no rule cuts rightly, as the authors of the data set list them beside their parser: for some
 * the name of the section that holds the conclusion, for others the characters that do. Study ids name no patient.
 */

/** Study → the section (normalised name) that holds what the study concludes. */
export const CONCLUDING_SECTION: Readonly<Record<string, string>> = byName({
  recommendations: 's50913680 s59768032 s59067458 s59087630 s58157373 s56482935 s58375018',
  examination: 's59363654 s53356173 s50743547 s59215320 s55157853',
  technique: 's59279892 s53202765 s50808053',
  indication: 's57936451 s50058765 s51966317 s55124749 s54365831 s54654948',
  history: 's51491012',
  note: 's56451190',
});

/** Study → first character and the one behind the last of its conclusion; an empty range: the report holds none. */
export const CONCLUDING_RANGE: Readonly<Record<string, readonly [number, number]>> = {
  s50525523: [201, 349],
  s57564132: [233, 554],
  s59982525: [313, 717],
  s53488209: [149, 475],
  s54875119: [234, 988],
  s50196495: [59, 399],
  s56579911: [59, 218],
  s52648681: [292, 631],
  s59889364: [172, 453],
  s53514462: [73, 377],
  s59505494: [59, 450],
  s53182247: [59, 412],
  s51410602: [47, 320],
  s56412866: [522, 822],
  s54986978: [59, 306],
  s59003148: [262, 505],
  s57150433: [61, 394],
  s56760320: [219, 457],
  s59562049: [158, 348],
  s52674888: [145, 296],
  s55258338: [192, 568],
  s59330497: [140, 655],
  s52119491: [179, 454],
  s58235663: [0, 0],
  s50798377: [0, 0],
  s54168089: [0, 0],
  s53071062: [0, 0],
  s56724958: [0, 0],
  s54231141: [0, 0],
  s53607029: [0, 0],
  s52035334: [0, 0],
};

function byName(studies: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(studies).flatMap(([name, list]) => list.split(' ').map((study) => [study, name])),
  );
}
