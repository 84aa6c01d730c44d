internal import Kernel
internal import Wire

/// Jobs of `Prefer: respond-async`: done at once, asked about later. The one place where the idempotency key counts.
struct SuiteJobs: Sendable {
    struct Job: Sendable {
        var key: String?
        var status: Int
        var location: String?
        var body: JSON
    }

    /// Jobs that are remembered: our choice.
    static let most = 10_000
    private(set) var kept: [Int: Job] = [:]
    private var keys: [String: Int] = [:]
    private var last = 0

    func id(of key: String) -> Int? { keys[key] }

    mutating func add(_ job: Job, id: Int? = nil) -> Int {
        last = id ?? last + 1
        if kept.count >= Self.most, let oldest = kept.keys.min(), let gone = kept.removeValue(forKey: oldest)?.key { keys[gone] = nil }
        kept[last] = job
        if let key = job.key { keys[key] = last }
        return last
    }
}

extension SuiteState {
    mutating func enqueue(_ request: HTTPRequest, _ path: [String], _ type: SuiteType, _ random: any RandomSource) throws(SuiteProblem) -> HTTPResponse {
        let base = "\(SuiteRoutes.base(request))/services/rest/async/v1/job"
        let key = request.fields["X-NetSuite-Idempotency-Key"]
        if let key, let first = jobs.id(of: key) {
            let error: JSON = .object([
                ("detail", "A request with the same idempotency key was sent before."), ("o:errorCode", "IDEMPOTENCY_ERROR"),
                ("o:errorHeader", "X-NetSuite-Idempotency-Key"),
            ])
            var refusal = SuiteProblem.envelope(409, error)
            // Titled a conflict, with the status of a bad request.
            refusal.status = 400
            refusal.fields["Location"] = "\(base)/\(first)"
            return refusal
        }
        let mark = mark
        let answer: HTTPResponse
        do throws(SuiteProblem) {
            answer = try handle(request, path, type)
        } catch {
            rollback(to: mark)
            answer = error.response
        }
        let job = SuiteJobs.Job(key: key, status: answer.status, location: answer.fields["Location"], body: (try? JSON(parsing: answer.body)) ?? .null)
        let id = jobs.add(job)
        let kept: [(key: String, value: JSON)] = [
            ("t", "job"), ("id", .int(id)), ("key", .optional(key)), ("status", .int(job.status)), ("at", .optional(job.location)), ("body", job.body),
        ]
        pending.append(.object(kept))
        return HTTPResponse(202, fields: ["Location": "\(base)/\(id)", "Preference-Applied": "respond-async"])
    }

    mutating func replayJob(_ record: JSON) {
        guard let id = record["id"]?.int, let status = record["status"]?.int else { return }
        _ = jobs.add(SuiteJobs.Job(key: record["key"]?.string, status: status, location: record["at"]?.string, body: record["body"] ?? .null), id: id)
    }

    func job(_ path: [String], _ request: HTTPRequest) throws(SuiteProblem) -> HTTPResponse {
        guard request.method == .get, path.first == "job", path.count >= 2, let id = Int(path[1]), let job = jobs.kept[id] else { throw .noRecord }
        let base = "\(SuiteRoutes.base(request))/services/rest/async/v1/job/\(id)"
        switch path.dropFirst(2).map({ $0 }) {
        case []:
            let members: [(key: String, value: JSON)] = [
                ("links", Self.links([("self", base)])), ("id", .string(String(id))), ("completed", true), ("progress", "succeeded"),
                ("task", .object([("links", Self.links([("self", "\(base)/task")]))])),
            ]
            return .json(200, .object(members))
        case ["task"]: return .json(200, .object([("count", 1), ("hasMore", false), ("items", .array([.object([("id", .string(String(id)))])]))]))
        case ["task", path[1]]:
            let members: [(key: String, value: JSON)] = [
                ("id", .string(String(id))), ("completed", true), ("progress", .string(job.status < 300 ? "succeeded" : "failed")),
                ("result", .object([("links", Self.links([("self", "\(base)/task/\(id)/result")]))])),
            ]
            return .json(200, .object(members))
        case ["task", path[1], "result"]:
            var answer = HTTPResponse(job.status, body: job.body.isNull ? [] : job.body.bytes)
            if !job.body.isNull { answer.fields["Content-Type"] = "application/vnd.oracle.resource+json; type=\(job.status < 300 ? "singular" : "error")" }
            answer.fields["Location"] = job.location
            return answer
        default: throw .noRecord
        }
    }
}
