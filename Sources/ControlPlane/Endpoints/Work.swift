internal import Kernel
internal import Store
internal import Wire

extension Endpoints {
    static let byCode = Member.may("code", .line(most: 64), "The code of the fault that stopped it.", example: "malformed_json")

    static let work: [Endpoint] = [
        Endpoint(.get, "/v1/tenants/{tenant}/events", .key(.read), About(
            "What came in", "Newest first, without the bodies.", query: [.may("state", .choice(["ingested", "normalized", "held", "skipped"]), "`held`: those that could not be read."), byCode], .page(.event)
        )) { visit in
            let tenant = try await visit.tenant()
            var asked = try visit.asked()
            let page = try visit.page(), (state, code) = (asked.choice("state"), asked.optionalText("code"))
            return try visit.answer(try await visit.store.adminEvents(tenant, state: state, code: code, page), page)
        },
        Endpoint(.post, "/v1/tenants/{tenant}/events/{event}/retry", .key(.write), About(
            "Read a held event again", .json(202, .thing(.event), "It will be read."), .refused(409, "`wrong_state`: it is not held.")
        )) { visit in
            let tenant = try await visit.tenant()
            guard let id = visit.parameters["event"].flatMap({ Int64($0) }) else { throw Refusal.notFound() }
            return try await visit.change { tx throws(Fault) in
                guard let row = try await tx.retryEvent(tenant, id, actor: visit.asker.actor) else { throw notHeld("this event is not held") }
                return .init(202, row.json)
            }
        },
        Endpoint(.get, "/v1/tenants/{tenant}/jobs", .key(.read), About("What is to be done, and when", "With the fault of the last try, and what is held against a job that crashed workers.", .page(.job))) { visit in
            let (tenant, page) = (try await visit.tenant(), try visit.page())
            return try visit.answer(try await visit.store.adminJobs(tenant, page), page)
        },
        Endpoint(.post, "/v1/tenants/{tenant}/jobs/release", .key(.write), About(
            "Try a job again that was put aside", "One that crashed workers.",
            body: [.must("kind", .any(of: Job.Kind.self)), .must("subject", .line, "As the list of jobs has it.", example: "0198c1f2-6f3e-7c55-9d0e-3b1f8e2a4c60")],
            .json(202, .object([.must("kind", .words, example: "normalize"), .must("subject", .words, example: "0198c1f2-6f3e-7c55-9d0e-3b1f8e2a4c60")]), "It is due at once."),
            .refused(409, "`wrong_state`: nothing is held against it.")
        )) { visit in try await releaseJob(visit) },
    ]

    /// A job that was put aside because it crashed workers is tried again at once.
    private static func releaseJob(_ visit: Visit) async throws -> HTTPResponse {
        let tenant = try await visit.tenant()
        var input = try visit.input()
        let kind = input.choice("kind").flatMap { Job.Kind(rawValue: $0) }
        let subject = input.text("subject")
        try input.check()
        guard let kind else { throw Refusal.notFound() }
        return try await visit.change { tx throws(Fault) in
            guard try await tx.release(tenant, JobName(kind, subject), actor: visit.asker.actor) else { throw notHeld("nothing is held against this job") }
            return .init(202, JSON.object([("kind", .string(kind.rawValue)), ("subject", .string(subject))]).bytes)
        }
    }

    private static func notHeld(_ summary: String) -> Fault {
        Fault("wrong_state", stage: .api, disposition: .reject, summary: summary, remedy: "Read it again: it may have gone on meanwhile.")
    }
}
