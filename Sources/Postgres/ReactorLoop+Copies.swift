internal import Kernel

extension ReactorLoop {
    /// A COPY to a reader of ours.
    final class Copy {
        let text: String
        var link: Link?
        /// Rows that came and were not yet handed over.
        var rows: [UInt8] = []
        var reader: CheckedContinuation<Result<[UInt8]?, Fault>, Never>?
        /// Set when nothing more comes.
        var outcome: Result<[UInt8]?, Fault>?

        init(text: String) { self.text = text }
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

    /// Takes rows until a piece is full or the socket has no more. Where rows came there are mostly more behind them:
    /// they are asked for at once, a few times, before the thread turns to its other connections.
    func pump(copy id: UInt64, _ link: Link) {
        guard let copy = copies[id] else { return }
        for _ in 0 ..< PostgresLimits.copyReads {
            let alive = link.session.consume()
            let any = take(copy, link)
            if !alive, copy.outcome == nil { return drop(link, PostgresFaults.lost(link.session.reason)) }
            if copy.outcome != nil || link.paused || !any { break }
        }
    }

    /// Takes the rows that libpq holds, and says whether there were any.
    @discardableResult
    private func take(_ copy: Copy, _ link: Link) -> Bool {
        let before = copy.rows.count
        switch link.session.copyRows(into: &copy.rows, until: PostgresLimits.copyPieceBytes) {
        case .full:
            hand(copy)
            // The next piece is read while the reader is busy with this one.
            link.paused = !copy.rows.isEmpty
            if !link.paused { take(copy, link) }
            return true
        case .more: link.paused = false
        case .done(let error):
            links[ObjectIdentifier(link)] = nil
            copy.link = nil
            copy.outcome = error.map { .failure($0.fault) } ?? .success(nil)
        case .unusable:
            links[ObjectIdentifier(link)] = nil
            copy.link = nil
            copy.outcome = .failure(PostgresFaults.statement("only COPY … TO STDOUT can be read as a copy"))
        }
        let any = copy.rows.count > before
        hand(copy)
        return any
    }

    func next(of id: UInt64, _ continuation: CheckedContinuation<Result<[UInt8]?, Fault>, Never>) {
        guard let copy = copies[id], copy.reader == nil else { return continuation.resume(returning: .success(nil)) }
        copy.reader = continuation
        hand(copy)
        guard let link = copy.link, link.paused, copy.outcome == nil else { return }
        // libpq may hold rows that no event of the socket will tell of.
        take(copy, link)
    }

    /// Gives the reader who waits a full piece, or what there is at the end: a piece costs two turns of threads, which a
    /// handful of rows isn't worth.
    private func hand(_ copy: Copy) {
        guard let reader = copy.reader, copy.outcome != nil || copy.rows.count >= PostgresLimits.copyPieceBytes else { return }
        copy.reader = nil
        if !copy.rows.isEmpty {
            let rows = copy.rows
            copy.rows = []
            reader.resume(returning: .success(rows))
        } else if let outcome = copy.outcome {
            reader.resume(returning: outcome)
        }
    }

    func finish(copy id: UInt64, _ fault: Fault) {
        guard let copy = copies[id], copy.outcome == nil else { return }
        copy.link = nil
        copy.outcome = .failure(fault)
        hand(copy)
    }

    /// The reader is gone: the server is hung up on.
    func end(copy id: UInt64) {
        guard let copy = copies.removeValue(forKey: id) else { return }
        copy.reader?.resume(returning: .success(nil))
        if let link = copy.link { links[ObjectIdentifier(link)] = nil }
    }
}
