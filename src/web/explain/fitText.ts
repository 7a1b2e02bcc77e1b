// Text that keeps to its box, however many digits it has.

/** Condenses each text that is longer than its room. All are measured before any is changed: the page is laid out once. */
export function fitTexts(rooms: ReadonlyMap<SVGTextElement, number>): void {
  for (const text of rooms.keys()) text.removeAttribute("textLength");
  const lengths = [...rooms].map(([text, room]) => ({ text, room, length: text.getComputedTextLength() }));
  for (const { text, room, length } of lengths) {
    if (length <= room) continue;
    text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    text.setAttribute("textLength", room.toFixed(1));
  }
}
