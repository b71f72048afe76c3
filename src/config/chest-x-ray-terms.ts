/**
 * What reports of chest radiographs speak of, as MedKLIP numbers it (Wu et al. 2023; PreTrain_MedKLIP/dataset/dataset.py of
 * MediaBrain-SJTU/MedKLIP): the rows and columns of the matrices of triplets.
 */

/** Anatomical positions, rows 0 to 50. */
export const POSITIONS =
  `trachea left_hilar right_hilar hilar_unspec left_pleural right_pleural pleural_unspec heart_size heart_border
left_diaphragm right_diaphragm diaphragm_unspec retrocardiac lower_left_lobe upper_left_lobe lower_right_lobe middle_right_lobe
upper_right_lobe left_lower_lung left_mid_lung left_upper_lung left_apical_lung left_lung_unspec right_lower_lung right_mid_lung
right_upper_lung right_apical_lung right_lung_unspec lung_apices lung_bases left_costophrenic right_costophrenic costophrenic_unspec
cardiophrenic_sulcus mediastinal spine clavicle rib stomach right_atrium right_ventricle aorta svc interstitium parenchymal
cavoatrial_junction cardiopulmonary pulmonary lung_volumes unspecified other`.split(/\s+/);

/** Entities, columns 0 to 74: eight words for what is normal, 65 findings, the rarer findings together, what is left out together. */
export const ENTITIES =
  `normal clear sharp sharply unremarkable intact stable free effusion opacity pneumothorax edema atelectasis tube
consolidation process abnormality enlarge tip low pneumonia line congestion catheter cardiomegaly fracture air tortuous lead disease
calcification prominence device engorgement picc clip elevation expand nodule wire fluid degenerative pacemaker thicken marking scar
hyperinflate blunt loss widen collapse density emphysema aerate mass crowd infiltrate obscure deformity hernia drainage distention shift
stent pressure lesion finding borderline hardware dilation chf redistribution aspiration tail_abnorm_obs excluded_obs`.split(
    /\s+/,
  );

/** Numbers of positions a, b, a, b … that a mirrored image exchanges. */
export const SIDE_PAIRS: readonly number[] = POSITIONS.flatMap((name, left) => {
  const right = POSITIONS.indexOf(name.replace('left', 'right'));
  return name.includes('left') && right >= 0 ? [left, right] : [];
});

/** Numbers of entities by name. Throws for a name that is not one. */
export function entityNumbers(...names: string[]): number[] {
  return names.map((name) => {
    const number = ENTITIES.indexOf(name);
    if (number < 0) throw new Error(`expected an entity of MedKLIP but got ${name}`);
    return number;
  });
}
