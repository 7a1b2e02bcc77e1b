// What a view is to the page, and the page to a view.

/** A view's own state in the address: what follows `?` in the hash. */
export interface ViewState {
  read(): URLSearchParams;
  /** Replaces the state in the address; nothing is loaded, and no entry is added to the history. */
  write(params: URLSearchParams): void;
}

/** A view on the page. */
export interface MountedView {
  /** Stops workers, timers and listeners; the page removes the elements. */
  dispose(): void;
}

/** Each view's folder has a `view.ts` that exports one as `view`. */
export interface View {
  /** @param root empty element of the view's own */
  mount(root: HTMLElement, state: ViewState): MountedView;
}
