internal import Kernel

extension ReactorLoop {
    /// A COPY to a reader of ours.
    struct Copy {
        let text: String
        var link: Link?
        /// Rows that came and were not yet handed over.
        var rows: [UInt8] = []
        var reader: CheckedContinuation<Result<[UInt8]?, Fault>, Never>?
        /// Set when nothing more comes.
        var outcome: Result<[UInt8]?, Fault>?
    }

    func open(copy id: UInt64, _ configuration: PostgresConfiguration, _ text: String) {
        copies[id] = Copy(text: text)
        if let link = start(.copy(id), configuration, attempt: 0) {
            copies[id]?.link = link
        } else {
            finish(copy: id, PostgresFaults.lost("libpq is out of memory"))
        }
    }

    /// Connected.
    func begin(copy id: UInt64, _ link: Link) {
        guard let text = copies[id]?.text else { return }
        guard link.session.beginCopy(text) else { return drop(link, PostgresFaults.lost(link.session.reason)) }
        markDirty(link)
    }

    /// Takes rows until a piece is full or the socket has no more.
    func pump(copy id: UInt64, _ link: Link) {
        let alive = link.session.consume()
        take(copy: id, link)
        if !alive, copies[id]?.outcome == nil { drop(link, PostgresFaults.lost(link.session.reason)) }
    }

    private func take(copy id: UInt64, _ link: Link) {
        // Out of the dictionary while it grows: in it, every row would copy all before it.
        guard var rows = copies[id]?.rows else { return }
        copies[id]?.rows = []
        let state = link.session.copyRows(into: &rows, until: PostgresLimits.copyPieceBytes)
        copies[id]?.rows = rows
        switch state {
        case .full: link.paused = true
        case .more: link.paused = false
        case .done(let error):
            links[ObjectIdentifier(link)] = nil
            copies[id]?.link = nil
            copies[id]?.outcome = error.map { .failure($0.fault) } ?? .success(nil)
        case .unusable:
            links[ObjectIdentifier(link)] = nil
            copies[id]?.link = nil
            copies[id]?.outcome = .failure(PostgresFaults.statement("only COPY … TO STDOUT can be read as a copy"))
        }
        hand(copy: id)
    }

    func next(of id: UInt64, _ continuation: CheckedContinuation<Result<[UInt8]?, Fault>, Never>) {
        guard copies[id] != nil, copies[id]?.reader == nil else { return continuation.resume(returning: .success(nil)) }
        copies[id]?.reader = continuation
        hand(copy: id)
        guard let link = copies[id]?.link, link.paused, copies[id]?.outcome == nil else { return }
        // libpq may hold rows that no event of the socket will tell of.
        take(copy: id, link)
    }

    private func hand(copy id: UInt64) {
        guard let reader = copies[id]?.reader, let rows = copies[id]?.rows else { return }
        if !rows.isEmpty {
            copies[id]?.rows = []
            copies[id]?.reader = nil
            reader.resume(returning: .success(rows))
        } else if let outcome = copies[id]?.outcome {
            copies[id]?.reader = nil
            reader.resume(returning: outcome)
        }
    }

    func finish(copy id: UInt64, _ fault: Fault) {
        guard copies[id]?.outcome == nil else { return }
        copies[id]?.link = nil
        copies[id]?.outcome = .failure(fault)
        hand(copy: id)
    }

    /// The reader is gone: the server is hung up on.
    func end(copy id: UInt64) {
        guard let copy = copies.removeValue(forKey: id) else { return }
        copy.reader?.resume(returning: .success(nil))
        if let link = copy.link { links[ObjectIdentifier(link)] = nil }
    }
}
