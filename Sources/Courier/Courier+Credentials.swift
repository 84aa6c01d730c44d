internal import ConnectorKit
internal import Kernel
internal import Store
internal import Telemetry

extension Courier {
    /// How long before its end a token is renewed; a quarter of its life where that is shorter.
    private static let renewAhead = Duration.seconds(60)
    /// After a renewal ahead of time that failed.
    private static let renewPause = Duration.seconds(10)
    /// A new token may not be known everywhere at once.
    private static let freshPause = Duration.seconds(2)
    private static let refusalsMost = 6
    /// Of one call with a borrowed credential, which is new: nothing else can be tried with it.
    private static let borrowedRepeats = 2

    /// Nothing is sent with a credential that is known to be dead until somebody gives a newer one, but for the question who is there.
    func checkAlive(_ trip: Trip) async throws(Fault) {
        guard trip.borrowed == nil else { return }
        do throws(Fault) { try adopt(trip.connection.row, trip) } catch {
            await sayUnreadable(error, version: trip.connection.row.credentialVersion, trip)
            throw error
        }
        // Whose account it opens is to be known before anything else is asked or sent.
        guard trip.identifies || (trip.connection.row.state != "new" && trip.connection.row.isIdentified) else {
            throw Fault(
                "connection_moved", stage: .courier, disposition: .retry, summary: "nobody knows yet whose account the credential of connection \(trip.connection.row.slug) opens")
        }
        guard !trip.identifies, trip.connection.row.state == "dead" || lines[trip.id]?.tokens.isDead == true else { return }
        // The row as it is now: a person may have connected anew since it was read.
        guard let row = try await store.connection(tenant, trip.id) else { throw TokenRefresh.unknownConnection }
        try adopt(row, trip)
        if row.state == "dead" { throw Courier.credentialDead(trip, nil) }
        guard lines[trip.id]?.tokens.isDead == true else { return }
        if lines[trip.id]?.declared == row.credentialVersion {
            lines[trip.id]?.tokens.revived()
        } else {
            // It could not be written down before.
            await declareDead(version: row.credentialVersion, trip)
            throw Courier.credentialDead(trip, nil)
        }
    }

    /// What calls are made with, renewed when it is about to end.
    func credential(_ trip: Trip) async throws(Fault) -> (Credential, version: Int) {
        if let borrowed = trip.borrowed { return (borrowed, version: -1) }
        try adopt(trip.connection.row, trip)
        // What a person gave meanwhile may have to be renewed in its turn.
        for _ in 0 ..< Courier.refusalsMost {
            let line = lines[trip.id, default: Line()]
            guard let held = line.tokens.held else { throw TokenRefresh.notConnected }
            try checkPlace(line.base, trip)
            try checkGiven(line.given, trip)
            let ahead = min(Courier.renewAhead, line.life.map { $0 / 4 } ?? Courier.renewAhead)
            guard line.tokens.isStale(at: clocks.now(), margin: ahead) else { return (held.credential, held.version) }
            let works = !line.tokens.isStale(at: clocks.now(), margin: .zero)
            if works, clocks.monotonic() < line.renewNotBefore { return (held.credential, held.version) }
            do throws(Fault) {
                try await renew(trip, because: nil) { $0.renew(used: held.version) }
            } catch {
                guard works, error.disposition == .retry else { throw error }
                lines[trip.id]?.renewNotBefore = clocks.monotonic() + Courier.renewPause
            }
            // One that ends soon is used all the same: some platforms give no longer ones.
            if let now = lines[trip.id], let held = now.tokens.held, held.credential.isMade {
                try checkPlace(now.base, trip)
                try checkGiven(now.given, trip)
                return (held.credential, held.version)
            }
        }
        throw TokenRefresh.notConnected
    }

    /// The platform refused the token of this version: another one is found, or the connection is dead.
    func answerRefusal(of version: Int, _ fault: Fault, _ effort: inout Effort, _ trip: Trip) async throws(Fault) {
        effort.refusals += 1
        guard trip.borrowed == nil else {
            guard effort.refusals <= Courier.borrowedRepeats else { throw fault }
            guard clocks.monotonic() + Courier.freshPause < deadline() else { throw Courier.leaseEnding }
            return try await pause(Courier.freshPause)
        }
        guard effort.refusals <= Courier.refusalsMost else {
            throw Fault("token_refused", stage: .courier, disposition: .retry, summary: "\(trip.spec.name) refuses one token after the other", underlying: fault.code)
        }
        let held = lines[trip.id]?.tokens.held
        guard let held, held.version == version, held.fresh else {
            return try await renew(trip, because: fault) { $0.renew(used: version) }
        }
        effort.freshRefusals += 1
        switch effort.freshRefusals {
        case 1, 3:
            guard clocks.monotonic() + Courier.freshPause < deadline() else { throw Courier.leaseEnding }
            try await pause(Courier.freshPause)
        // It may have been ended between its issue and its first use, as every other then was.
        case 2: try await renew(trip, because: fault) { $0.renew(used: version) }
        default: try await renew(trip, because: fault) { $0.bury(used: version) }
        }
    }

    /// The first accepted call with a new token set: the old one is no longer needed. Not done now is done with the next call.
    func prove(_ trip: Trip, version: Int) async {
        guard trip.borrowed == nil else { return }
        lines[trip.id]?.tokens.accepted(version: version)
        guard let held = lines[trip.id]?.tokens.held, held.version == version, held.unproven else { return }
        do throws(Fault) {
            try await store.forgetOldCredential(tenant, trip.id, version: version)
            lines[trip.id]?.tokens.proved(version: version)
        } catch { log.fault(.failed, error) }
    }

    // MARK: - One refresh at a time

    /// One run of the machine at a time for a connection; whoever comes meanwhile waits for its end. No task of its own: the first caller's
    /// does the work.
    private func renew(_ trip: Trip, because fault: Fault?, _ begin: (inout TokenRefresh) -> TokenRefresh.Action) async throws(Fault) {
        while lines[trip.id]?.waiting != nil {
            let outcome = await withCheckedContinuation { lines[trip.id, default: Line()].waiting?.append($0) }
            // Somebody else's cancellation is not ours.
            if case .failure(let theirs) = outcome, theirs.code == "cancelled", !Task.isCancelled { continue }
            return try outcome.get()
        }
        var action = begin(&lines[trip.id, default: Line()].tokens)
        lines[trip.id, default: Line()].waiting = []
        while true {
            if case .end(let outcome) = action {
                let result = await end(outcome, because: fault, trip)
                let waiting = lines[trip.id]?.waiting ?? []
                lines[trip.id]?.waiting = nil
                for one in waiting { one.resume(returning: result) }
                return try result.get()
            }
            let event = await perform(action, trip)
            action = lines[trip.id, default: Line()].tokens.received(event)
        }
    }

    private func end(_ outcome: TokenRefresh.Outcome, because fault: Fault?, _ trip: Trip) async -> Result<Void, Fault> {
        switch outcome {
        case .inForce: return .success(())
        case .failed(let fault):
            await sayUnreadable(fault, version: nil, trip)
            return .failure(fault)
        case .dead(let version):
            // Some keys may do all of the work and not ask whose account it is: that refusal alone ends nothing that goes well. Dead, the next call of the work says so.
            if trip.identifies, trip.connection.row.state == "live", trip.connection.row.isIdentified {
                lines[trip.id]?.tokens.revived()
                return .failure(Courier.credentialDead(trip, fault))
            }
            await declareDead(version: version, trip)
            // A person may have connected anew in the meantime.
            if lines[trip.id]?.tokens.isDead == false { return .success(()) }
            return .failure(Courier.credentialDead(trip, fault))
        }
    }

    private func perform(_ action: TokenRefresh.Action, _ trip: Trip) async -> TokenRefresh.Event {
        do throws(Fault) {
            switch action {
            case .read:
                let row = try await store.connection(tenant, trip.id)
                if let row {
                    try checkPlace(row.baseURL, trip)
                    try checkGiven(row.given, trip)
                }
                return .row(try row.map { row throws(Fault) in try opened(row, trip) })
            case .exchange(let refresh, let set): return try await exchange(refresh, set, trip)
            case .login(let set): return try await login(set, trip)
            case .save(let credential, let version):
                let sealed = try seal(credential.jsonForSealing(), Credential.context(tenant, trip.id))
                let saved = try await store.saveCredential(tenant, trip.id, sealed: sealed, expecting: version)
                log.info(.refreshed, ("connection", trip.connection.row.slug))
                return .saved(version: saved)
            case .wait(let time):
                try await pause(time)
                return .waited
            case .end: preconditionFailure("the end of a refresh leads to nothing more")
            }
        } catch { return .failed(error) }
    }

    // MARK: - Rows

    private func adopt(_ row: ConnectionRow, _ trip: Trip) throws(Fault) {
        guard row.credentialVersion > lines[row.id]?.tokens.held?.version ?? -1 else { return }
        guard row.credential != nil else {
            // Taken away, because the connection leads elsewhere now: what was held was given for the former place.
            guard lines[row.id]?.waiting == nil else { throw TokenRefresh.notConnected }
            lines[row.id]?.tokens = TokenRefresh()
            return
        }
        lines[row.id, default: Line()].tokens.adopt(try opened(row, trip))
        lines[row.id]?.base = row.baseURL
        lines[row.id]?.given = row.given
        lines[row.id]?.life = nil
    }

    /// A credential goes to the place that it was given for: a call that began before the connection was led elsewhere ends, and is begun anew with both as they are now.
    private func checkPlace(_ base: String?, _ trip: Trip) throws(Fault) {
        let row = trip.connection.row
        guard HostList.isSame(base, row.baseURL, trip.spec, account: row.account) else {
            throw Fault("connection_moved", stage: .courier, disposition: .retry, summary: "connection \(row.slug) leads elsewhere since this call began")
        }
    }

    /// What a person gave since a call began may open another company: the call ends, and is begun anew once it is known whose it is.
    private func checkGiven(_ given: Int?, _ trip: Trip) throws(Fault) {
        guard given == trip.connection.row.given else {
            throw Fault(
                "connection_moved", stage: .courier, disposition: .retry, summary: "connection \(trip.connection.row.slug) was given another credential since this call began")
        }
    }

    private func opened(_ row: ConnectionRow, _ trip: Trip) throws(Fault) -> TokenRefresh.Row {
        let context = Credential.context(tenant, row.id), auth = trip.spec.auth
        func read(_ sealed: [UInt8]) throws(Fault) -> Credential {
            var out = try Credential(json: try open(sealed, context))
            out.isRemade = auth.isRemade
            let there = out.materials
            for part in auth.parts ?? [] where part.isRequired && there[part.name]?.isEmpty ?? true { throw Credential.unreadable("lacks \(part.name)") }
            return out
        }
        let credential = try row.credential.map { sealed throws(Fault) in try read(sealed) }
        var before: Credential?
        if let sealed = row.credentialBefore {
            // Only a second chance: where it can't be read there is none.
            do throws(Fault) { before = try read(sealed) } catch { log.fault(.failed, error) }
        }
        return TokenRefresh.Row(version: row.credentialVersion, credential: credential, before: before)
    }

    // MARK: - The end of a grant

    /// Pauses the connection for a person, once, and says so; not when a newer credential came while that was decided. `version`: the one that
    /// is dead.
    private func declareDead(version: Int, _ trip: Trip) async {
        // Known already, and asked once more whether it is still so.
        if trip.connection.row.state == "dead", trip.connection.row.credentialVersion == version { return }
        let fault = Courier.credentialDead(trip, nil)
        do throws(Fault) {
            // The alert first: a state without it would be silent, and an alert without the state is raised again.
            try await store.raise(tenant, [AlertRow(key: AlertKey.credential(trip.id), severity: .critical, cause: fault.summary, remedy: fault.remedy)])
            try await store.setConnectionState(tenant, trip.id, state: "dead", reason: fault.summary, actor: "worker")
            if let row = try await store.connection(tenant, trip.id), row.credentialVersion > version {
                // Its identification is under way, and brings it to life.
                try await store.setConnectionState(tenant, trip.id, state: "new", reason: nil, actor: "worker")
                return try adopt(row, trip)
            }
            lines[trip.id, default: Line()].declared = version
        } catch { log.fault(.failed, error) }
        log.warning(.connectionDead, ("connection", trip.connection.row.slug), ("platform", trip.spec.id))
    }

    /// A credential that can't be read is as good as dead, and a person must know.
    private func sayUnreadable(_ fault: Fault, version: Int?, _ trip: Trip) async {
        let version = version ?? lines[trip.id]?.tokens.held?.version ?? trip.connection.row.credentialVersion
        guard fault.code == "credential_unreadable", lines[trip.id]?.declared != version else { return }
        await declareDead(version: version, trip)
    }

    private static func credentialDead(_ trip: Trip, _ cause: Fault?) -> Fault {
        Fault(
            "credential_dead", stage: .courier, disposition: .reauthorise,
            summary: "\(trip.spec.name) refuses the credential of connection \(trip.connection.row.slug)",
            remedy: "Connect the account again; work waits and goes on by itself.", underlying: cause?.code)
    }
}
