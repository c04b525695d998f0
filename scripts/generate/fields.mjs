/** The filler, which belongs to the trailer and to no field of the CM. */
const FILLER = {
  filter: 'mpip.filler',
  title: 'Filler',
  type: 'u8',
  layouts: ['compact'],
  description: 'senders write 0; dropped unseen, not summed',
};

const WIDTH = { u8: 1, u16: 2 };

/**
 * The fields of the trailer, each once for all layouts that have it: the wider type where they differ, with the layouts
 * and, where it has one, its unit.
 */
export function trailerFields({ LAYOUTS }) {
  const fields = new Map([[FILLER.filter, FILLER]]);
  for (const layout of Object.values(LAYOUTS))
    for (const field of layout.fields) {
      const known = fields.get(field.filter);
      const type = known !== undefined && WIDTH[known.type] > WIDTH[field.type] ? known.type : field.type;
      const layouts = [...(known?.layouts ?? []), layout.name];
      // What is said of a field holds for every layout that has it.
      const description =
        known === undefined || known.description === field.description ? field.description : undefined;
      const unit = field.name === 'timestamp' || field.name === 'pathDelay' ? 'ticks' : undefined;
      fields.set(field.filter, { ...field, type, layouts, unit, description: description ?? "the sender's addresses" });
    }
  return [...fields.values()];
}
