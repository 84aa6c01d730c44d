internal import Kernel

extension ReactorLoop {
    /// What libpq is told of a way to a database; two that are equal lead to the same session.
    struct Login: Equatable {
        private let words: [String]

        init(_ configuration: PostgresConfiguration) { words = configuration.keywords(attempt: 0).flatMap { [$0.keyword, $0.value] } }
    }

    /// A COPY to a reader of ours.
    final class Copy {
        let configuration: PostgresConfiguration
        let text: String
        var link: Link?
        /// Rows that came and were not yet handed over.
        var rows: [UInt8] = []
        var reader: CheckedContinuation<Result<[UInt8]?, Fault>, Never>?
        /// Set when nothing more comes.
        var outcome: Result<[UInt8]?, Fault>?

        init(_ configuration: PostgresConfiguration, _ text: String) {
            self.configuration = configuration
            self.text = text
        }
    }

    func open(copy id: UInt64, _ configuration: PostgresConfiguration, _ text: String) {
        let copy = Copy(configuration, text)
        copies[id] = copy
        guard let link = spare(Login(configuration)) else { return start(.copy(id), configuration, attempt: 0) }
        link.owner = .copy(id)
        copy.link = link
        // One that is still being cleared keeps its deadline.
        if !link.session.isSettling { begin(copy: id, link) }
    }

    /// The connection that the copy has taken is not cleared in time: nothing of the copy was sent, it connects anew.
    func abandonSettling(_ link: Link, copy id: UInt64) {
        links[ObjectIdentifier(link)] = nil
        guard let copy = copies[id] else { return }
        copy.link = nil
        start(.copy(id), copy.configuration, attempt: 0)
    }

    // MARK: A connection for the next copy

    private func spare(_ login: Login) -> Link? {
        links.values.first { link in
            if case .spare(login) = link.owner { !link.session.hasFailed } else { false }
        }
    }

    /// The copy has come to its end: logging in costs more than most copies, so its connection is kept for a while.
    private func keep(_ link: Link, _ copy: Copy) {
        guard link.session.settle(afterCopy: true) != .failed else {
            links[ObjectIdentifier(link)] = nil
            return
        }
        let spares = links.values.filter { if case .spare = $0.owner { true } else { false } }
        if spares.count >= PostgresLimits.copySpares, let oldest = spares.min(by: { ($0.deadline ?? now) < ($1.deadline ?? now) }) {
            links[ObjectIdentifier(oldest)] = nil
        }
        link.owner = .spare(Login(copy.configuration))
        link.paused = false
        link.deadline = now + .seconds(PostgresLimits.copySpareSeconds)
        markDirty(link)
    }

    /// The socket of a kept connection has something: an answer of ours, or its end. The copy that has taken it meanwhile begins, or connects anew:
    /// nothing of it was sent.
    func settle(_ link: Link) {
        let alive = link.session.consume()
        let state = link.session.settle()
        let isUsable = alive && !link.session.hasFailed && state != .failed
        if !isUsable { links[ObjectIdentifier(link)] = nil }
        if state == .discarding { markDirty(link) }
        guard case .copy(let id) = link.owner, let copy = copies[id] else { return }
        if !isUsable {
            copy.link = nil
            start(.copy(id), copy.configuration, attempt: 0)
        } else if state == .settled {
            begin(copy: id, link)
        }
    }

    /// Connected.
    func begin(copy id: UInt64, _ link: Link) {
        guard let text = copies[id]?.text else { return }
        link.deadline = nil
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
            copy.link = nil
            if error == nil { keep(link, copy) } else { links[ObjectIdentifier(link)] = nil }
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
