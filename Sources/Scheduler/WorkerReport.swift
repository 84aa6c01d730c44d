internal import Kernel
internal import Store
internal import Wire

/// What a worker says over its control pipe. It is not trusted: what can't be read, or is longer than its limit, is passed over.
enum WorkerReport: Sendable, Equatable {
    /// Takes a job in hand.
    case job(JobName)
    /// Takes rows of that job in hand, and no others.
    case items([String])
    /// Has nothing in hand.
    case idle
    /// Has looked, found nothing due and waits: for its next job's time, or to be woken.
    case asleep
    /// Goes on with what it has in hand.
    case beat
    /// Counters since the last time.
    case metrics([String])

    static let itemsMost = 1000
    static let itemCharactersMost = 200

    init?(line: [UInt8]) {
        guard let json = try? JSON(parsing: line) else { return nil }
        if let job = json["job"] {
            guard let kind = job["kind"]?.string.flatMap(Job.Kind.init(rawValue:)), let subject = job["subject"]?.string,
                subject.utf8.count <= WorkerReport.itemCharactersMost
            else { return nil }
            self = .job(JobName(kind, subject))
        } else if let items = json["items"]?.array {
            self = .items(items.prefix(WorkerReport.itemsMost).compactMap(\.string).filter { $0.utf8.count <= WorkerReport.itemCharactersMost })
        } else if let lines = json["metrics"]?.array {
            self = .metrics(lines.compactMap(\.string))
        } else if json["idle"]?.bool == true {
            self = .idle
        } else if json["asleep"]?.bool == true {
            self = .asleep
        } else if json["beat"]?.bool == true {
            self = .beat
        } else {
            return nil
        }
    }
}

/// Bytes of a pipe become lines. A line without end does not grow for ever: it is dropped whole.
struct LineBuffer: Sendable {
    static let lineBytesMost = 1 << 20

    private var pending: [UInt8] = []
    private var dropping = false

    mutating func feed(_ bytes: some Sequence<UInt8>) -> [[UInt8]] {
        var out: [[UInt8]] = []
        for byte in bytes {
            if byte == 10 {
                if !dropping { out.append(pending) }
                pending = []
                dropping = false
            } else if !dropping {
                pending.append(byte)
                if pending.count > LineBuffer.lineBytesMost {
                    pending = []
                    dropping = true
                }
            }
        }
        return out
    }
}
