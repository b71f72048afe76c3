import { describe, expect, test } from 'vitest';
import { ENTITIES, POSITIONS } from '../../../src/config/chest-x-ray-terms.js';
import { entityOf } from '../../../src/radiology/entities.js';
import { lemmaOf } from '../../../src/radiology/lemma.js';
import { type Graph, graphMentions } from '../../../src/radiology/radgraph.js';
import { sentenceMentions } from '../../../src/radiology/sentence-mentions.js';
import { type Mention, TRIPLET_SHAPE, tripletMatrix } from '../../../src/radiology/triplets.js';

const at = (matrix: Int8Array, position: string, entity: string) =>
  matrix[POSITIONS.indexOf(position) * ENTITIES.length + ENTITIES.indexOf(entity)];

/** position/entity/state of a sentence, in the words of the labels. */
const said = (mentions: readonly Mention[]) =>
  mentions.flatMap((mention) => {
    const matrix = tripletMatrix([mention]);
    const place = matrix.findIndex((value) => value !== -1);
    if (place < 0) return [`${mention.observation}: unsure`];
    return [`${POSITIONS[Math.floor(place / ENTITIES.length)]} ${ENTITIES[place % ENTITIES.length]} ${matrix[place]}`];
  });

describe('entities', () => {
  test('are 75, in the order of the labels', () => {
    expect(ENTITIES).toHaveLength(75);
    expect(new Set(ENTITIES).size).toBe(75);
    const places = {
      normal: 0,
      free: 7,
      effusion: 8,
      pneumonia: 20,
      thicken: 43,
      hernia: 59,
      aspiration: 72,
      excluded_obs: 74,
    };
    for (const [name, number] of Object.entries(places)) expect(ENTITIES[number]).toBe(name);
    expect(TRIPLET_SHAPE).toEqual([51, 75]);
  });

  test.each([
    ['opacities', 'opacity'],
    ['Opacification', 'opacity'],
    ['atelectases', 'atelectasis'],
    ['pneumothoraces', 'pneumothorax'],
    ['hydropneumothorax', 'pneumothorax'],
    ['calcified', 'calcification'],
    ['enlarged', 'enlarge'],
    ['increased', 'enlarge'],
    ['scarring', 'scar'],
    ['widening', 'widen'],
    ['wide', 'widen'],
    ['obscuring', 'obscure'],
    ['masses', 'mass'],
    ['nodularity', 'nodule'],
    ['findings', 'finding'],
    ['markings', 'marking'],
    ['infectious process', 'pneumonia'],
    ['pacer', 'pacemaker'],
    ['kyphotic', 'tail_abnorm_obs'],
    ['granulomas', 'tail_abnorm_obs'],
    ['fibrosis', 'tail_abnorm_obs'],
    ['worse', 'excluded_obs'],
    ['improved', 'excluded_obs'],
    ['unchanged', 'excluded_obs'],
    ['greater', 'excluded_obs'],
  ])('%s is %s', (observation, entity) => expect(ENTITIES[entityOf(lemmaOf(observation))]).toBe(entity));
});

test('there wins over not there, in whatever order; what is suspected leaves its place', () => {
  const mention = (state: Mention['state'], anatomy = 'pleural|left'): Mention => ({
    anatomy,
    observation: 'effusions',
    state,
  });
  const both = [mention('OBS-DP'), mention('OBS-DA')];
  for (const order of [both, [...both].reverse()]) expect(at(tripletMatrix(order), 'left_pleural', 'effusion')).toBe(1);
  expect(at(tripletMatrix([mention('OBS-DA'), mention('OBS-U')]), 'left_pleural', 'effusion')).toBe(0);
  expect(tripletMatrix([mention('OBS-U')]).every((value) => value === -1)).toBe(true);
  expect(tripletMatrix([]).length).toBe(51 * 75);
});

describe('a graph of RadGraph', () => {
  const entity = (tokens: string, label: string, start_ix: number, ...relations: [string, string][]) => ({
    tokens,
    label,
    start_ix,
    end_ix: start_ix,
    relations,
  });

  test('observations at an anatomy and its words, alone, and denied', () => {
    const graph: Graph = {
      text: 'There is small opacity in the left lower lobe suggesting Pneumonia . No pneumothorax . Lungs may be hyperinflated . Stable .',
      entities: {
        1: entity('small', 'OBS-DP', 2, ['modify', '2']),
        2: entity('opacity', 'OBS-DP', 3, ['located_at', '5'], ['suggestive_of', '6']),
        3: entity('left', 'ANAT-DP', 6, ['modify', '5']),
        4: entity('lower', 'ANAT-DP', 7, ['modify', '5']),
        5: entity('lobe', 'ANAT-DP', 8),
        6: entity('Pneumonia', 'OBS-U', 10),
        7: entity('pneumothorax', 'OBS-DA', 13),
        8: entity('Lungs', 'ANAT-DP', 15),
        9: entity('hyperinflated', 'OBS-U', 18, ['located_at', '8']),
        10: entity('Stable', 'OBS-DP', 20),
      },
    };
    expect(graphMentions(graph)).toEqual([
      { anatomy: 'lobe|left|lower', observation: 'opacity', state: 'OBS-DP' },
      { anatomy: 'unspecified', observation: 'pneumonia', state: 'OBS-U' },
      { anatomy: 'unspecified', observation: 'pneumothorax', state: 'OBS-DA' },
      { anatomy: 'lungs', observation: 'hyperinflated', state: 'OBS-U' },
      { anatomy: 'unspecified', observation: 'stable', state: 'OBS-DP' },
    ]);
    const matrix = tripletMatrix(graphMentions(graph));
    expect(at(matrix, 'lower_left_lobe', 'opacity')).toBe(1);
    expect(at(matrix, 'unspecified', 'pneumothorax')).toBe(0);
    expect(at(matrix, 'unspecified', 'stable')).toBe(1);
    expect(matrix.filter((value) => value !== -1)).toHaveLength(3);
  });

  test('an observation located at a word of the anatomy, and at two of them; relations of null', () => {
    const graph: Graph = {
      text: 'effusion left right pleural',
      entities: {
        1: entity('effusion', 'OBS-DA', 0, ['located_at', '2'], ['located_at', '4']),
        2: entity('left', 'ANAT-DP', 1, ['modify', '4']),
        3: { ...entity('right', 'ANAT-DP', 2, ['modify', '4']) },
        4: { ...entity('pleural', 'ANAT-DP', 3), relations: [null] },
      },
    };
    const mentions = graphMentions(graph);
    expect(new Set(mentions.map(({ anatomy }) => anatomy))).toEqual(new Set(['pleural|left|right']));
    expect(at(tripletMatrix(mentions), 'pleural_unspec', 'effusion')).toBe(0);
  });

  test('without entities it says nothing', () => expect(graphMentions({ text: '', entities: {} })).toEqual([]));
});

describe('plain sentences', () => {
  test.each<[string, string[]]>([
    ['Heart size is normal and the lungs are clear.', ['heart_size normal 1', 'lung_volumes clear 1']],
    ['The heart and lungs are normal.', ['heart_size normal 1', 'lung_volumes normal 1']],
    [
      'No pneumothorax, pleural effusion, or focal consolidation.',
      ['unspecified pneumothorax 0', 'pleural_unspec effusion 0', 'unspecified consolidation 0'],
    ],
    ['There is no pleural effusion, heart size is enlarged.', ['pleural_unspec effusion 0', 'heart_size enlarge 1']],
    ['The lungs are clear of pneumonia.', ['lung_volumes clear 1', 'lung_volumes pneumonia 0']],
    ['Left lower lobe opacity may represent pneumonia.', ['lower_left_lobe opacity 1', 'pneumonia: unsure']],
    ['There is a small opacity in the left lung base.', ['left_lower_lung opacity 1']],
    ['Low lung volumes with bibasilar atelectasis.', ['lung_volumes low 1', 'lung_bases atelectasis 1']],
    ['Stable cardiomegaly.', ['unspecified cardiomegaly 1']],
    ['Right apical pneumothorax is not seen.', ['right_apical_lung pneumothorax 0']],
    ['Blunting of the right costophrenic angle.', ['right_costophrenic blunt 1']],
    ['Pneumonia cannot be excluded.', ['pneumonia: unsure']],
    [
      'Calcified granuloma in the right upper lobe, but no acute infiltrate.',
      ['upper_right_lobe calcification 1', 'upper_right_lobe tail_abnorm_obs 1', 'unspecified infiltrate 0'],
    ],
    ['The heart is not enlarged.', ['heart_size enlarge 0']],
    ['Compared to ___ XXXX.', []],
    ['', []],
  ])('%j', (sentence, expected) => expect(said(sentenceMentions(sentence))).toEqual(expected));

  test('a sentence of 50,000 words is read in a moment', () => {
    const begun = performance.now();
    sentenceMentions('no opacity in the left lung, '.repeat(8000));
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});
