// Wheel and drag on pictures; all that are shown move together, so that the same spot of both is seen.

const MOST = 16;

export class Zoom {
  constructor(stage) {
    Object.assign(this, { stage, scale: 1, x: 0, y: 0 });
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#drag(event));
    stage.addEventListener("dblclick", () => this.reset());
  }

  /** Towards the middle, or towards a spot in shares of the picture's frame. */
  by(factor, [x, y] = [0.5, 0.5]) {
    const scale = Math.max(1, Math.min(MOST, this.scale * factor));
    // The spot stays where it is: x is where the frame's left edge lies, in frames.
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.apply();
  }

  reset() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.apply();
  }

  apply() {
    const least = 1 - this.scale;
    this.x = Math.max(least, Math.min(0, this.x));
    this.y = Math.max(least, Math.min(0, this.y));
    this.stage.classList.toggle("is-zoomed", this.scale > 1);
    for (const node of this.stage.querySelectorAll(".zoomed")) {
      node.style.transform = `translate(${this.x * 100}%, ${this.y * 100}%) scale(${this.scale})`;
    }
  }

  #frame(event) {
    return event.target.closest("figure")?.querySelector(".zoomed")?.parentNode;
  }

  #wheel(event) {
    const frame = this.#frame(event);
    if (!frame) return;
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    this.by(Math.exp(-event.deltaY / 400), [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  }

  #drag(event) {
    const frame = this.#frame(event);
    if (!frame || this.scale === 1 || event.button !== 0 || event.target.tagName === "INPUT") return;
    const box = frame.getBoundingClientRect();
    const start = { x: this.x - event.clientX / box.width, y: this.y - event.clientY / box.height };
    const move = (at) => {
      this.x = start.x + at.clientX / box.width;
      this.y = start.y + at.clientY / box.height;
      this.apply();
    };
    const end = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
  }
}
