internal import Kernel
internal import Store
internal import Wire

extension Endpoints {
    static let work: [Endpoint] = [
        Endpoint(.get, "/v1/tenants/{tenant}/events", .key(.read)) { visit in
            let (tenant, page) = (try await visit.tenant(), try visit.page())
            return try visit.answer(try await visit.store.adminEvents(tenant, state: visit.request.query("state"), page), page)
        },
        Endpoint(.post, "/v1/tenants/{tenant}/events/{event}/retry", .key(.write)) { visit in
            let tenant = try await visit.tenant()
            guard let id = visit.parameters["event"].flatMap({ Int64($0) }) else { throw Refusal.notFound() }
            return try await visit.change { tx throws(Fault) in
                guard let row = try await tx.retryEvent(tenant, id, actor: visit.asker.actor) else { throw notHeld("this event is not held") }
                return .init(202, row.json)
            }
        },
        Endpoint(.get, "/v1/tenants/{tenant}/jobs", .key(.read)) { visit in
            let (tenant, page) = (try await visit.tenant(), try visit.page())
            return try visit.answer(try await visit.store.adminJobs(tenant, page), page)
        },
        Endpoint(.post, "/v1/tenants/{tenant}/jobs/release", .key(.write)) { visit in try await releaseJob(visit) },
    ]

    /// A job that was put aside because it crashed workers is tried again at once.
    private static func releaseJob(_ visit: Visit) async throws -> HTTPResponse {
        let tenant = try await visit.tenant()
        var input = try visit.input(["kind", "subject"])
        let kind = input.choice("kind", of: Job.Kind.allCases.map(\.rawValue)).flatMap { Job.Kind(rawValue: $0) }
        if kind == nil, !input.has("kind") { input.add("kind", "is missing", "Send the job's kind, such as normalize.") }
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
