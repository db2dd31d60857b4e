// Sets a control whose keys depend on the browser's language, or that is chosen from: as a choice does, with its events.
const [control, wanted] = arguments;
// As by hand: what had the focus before is done with.
control.focus();
if (control.matches("select")) {
  const option = [...control.options].find((one) => one.text.trim() === wanted || one.value === wanted);
  if (!option) return `there is no option ${wanted}; there are: ${[...control.options].map((one) => one.text).join(" | ")}`;
  control.value = option.value;
} else if (control.matches("[type=date], [type=time], [type=datetime-local], [type=month], [type=color], [type=range]")) {
  control.value = wanted;
} else {
  return false;
}
control.dispatchEvent(new Event("input", { bubbles: true }));
control.dispatchEvent(new Event("change", { bubbles: true }));
return true;
