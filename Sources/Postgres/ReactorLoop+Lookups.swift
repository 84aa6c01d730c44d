internal import Glibc
internal import Kernel

extension ReactorLoop {
    /// An attempt to connect that waits for its hosts' addresses.
    struct Lookup {
        var owner: Link.Owner
        var names: HostNames
        var preparedStatements: Int
        var attempt: Int
        /// Of the whole attempt.
        var deadline: Duration
        var missing: Set<String>
        var found: [String: [String]] = [:]
    }

    /// Begins to connect, once its hosts' names are known. The owner is given the link, or told that it failed.
    func start(_ owner: Link.Owner, _ configuration: PostgresConfiguration, attempt: Int) {
        let names = HostNames(configuration.keywords(attempt: attempt)) { variable in getenv(variable).map { String(cString: $0) } }
        let lookup = Lookup(
            owner: owner, names: names, preparedStatements: configuration.preparedStatements, attempt: attempt, deadline: now + .seconds(Limits.connectSeconds),
            missing: names.wanted)
        guard !names.wanted.isEmpty else { return begin(lookup) }
        lookups[reactor.newID()] = lookup
        for name in names.wanted { reactor.resolver.find(name) { [reactor] name, found in reactor.post(.resolved(name, found)) } }
    }

    /// For all who wait for the name.
    func resolved(_ name: String, _ addresses: [String]) {
        for (id, var lookup) in lookups where lookup.missing.contains(name) {
            lookup.missing.remove(name)
            lookup.found[name] = addresses
            lookups[id] = lookup.missing.isEmpty ? nil : lookup
            if lookup.missing.isEmpty { begin(lookup) }
        }
    }

    /// Those that have waited for as long as a connection may take. Their names may be found yet: for whoever asks then.
    func expireLookups() {
        for (id, lookup) in lookups where lookup.deadline <= now {
            lookups[id] = nil
            let names = lookup.missing.sorted().joined(separator: ", ")
            connectFailed(lookup.owner, ServerError(sqlstate: "", message: "the name server did not answer within \(Limits.connectSeconds) s (\(names))"))
        }
    }

    private func begin(_ lookup: Lookup) {
        guard wants(lookup.owner) else { return }
        guard let keywords = lookup.names.keywords(found: lookup.found, attempt: lookup.attempt) else {
            let names = lookup.names.wanted.sorted().joined(separator: ", ")
            return connectFailed(lookup.owner, ServerError(sqlstate: "", message: "no address was found for the database's host (\(names))"))
        }
        guard let session = Session(keywords) else { return connectFailed(lookup.owner, ServerError(sqlstate: "", message: "libpq is out of memory")) }
        let link = Link(owner: lookup.owner, session: session, preparedStatements: lookup.preparedStatements, deadline: lookup.deadline)
        links[ObjectIdentifier(link)] = link
        // No socket, no event: an attempt that failed at once is looked at in the next turn.
        if session.descriptor < 0 { link.deadline = now }
        switch lookup.owner {
        case .pool(let id, let number): pools[id]?.links[number] = link
        case .listener(let id): listeners[id]?.link = link
        case .copy(let id): copies[id]?.link = link
        case .spare: break
        }
    }

    /// Whether the owner still waits for a connection.
    private func wants(_ owner: Link.Owner) -> Bool {
        switch owner {
        case .pool(let id, let number): pools[id]?.machine.isConnecting(number) ?? false
        case .listener(let id): listeners[id] != nil
        case .copy(let id): copies[id].map { $0.outcome == nil } ?? false
        case .spare: false
        }
    }

    /// No connection came about; nothing where nobody waits for it any more.
    func connectFailed(_ owner: Link.Owner, _ error: ServerError) {
        guard wants(owner) else { return }
        switch owner {
        case .pool(let id, let number): connectFailed(pool: id, number, error)
        case .listener(let id): retry(listener: id)
        case .copy(let id): finish(copy: id, fault(connecting: error))
        case .spare: break
        }
    }
}
