internal import Glibc
internal import Kernel

/// The worker's end of the control pipe: lines in, lines out. One thread of its own blocks in read(2).
final class ControlPipe: Sendable {
    private struct State {
        var lines: [[UInt8]] = []
        var waiter: CheckedContinuation<[UInt8]?, Never>?
        var closed = false
    }

    private let descriptor: Int32
    private let state = Locked(State())
    /// Longest line; the scheduler writes far shorter ones.
    private static let lineBytesMost = 1 << 20

    init(descriptor: Int32) {
        self.descriptor = descriptor
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { argument in
            guard let argument else { return nil }
            Unmanaged<ControlPipe>.fromOpaque(argument).takeRetainedValue().readAll()
            return nil
        }, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "a thread could not be started: error \(code)")
        pthread_detach(thread)
    }

    var isClosed: Bool { state.with { $0.closed } }

    /// The next line without its end; `nil` when the scheduler has closed the pipe. One waiter at a time.
    func line() async -> [UInt8]? {
        await withCheckedContinuation { continuation in
            let ready: [UInt8]?? = state.with { state in
                if !state.lines.isEmpty { return .some(.some(state.lines.removeFirst())) }
                if state.closed { return .some(.none) }
                state.waiter = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    /// Writes a line; a scheduler that is gone is noticed by reading.
    func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let n = Glibc.write(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done)
                if n < 0 && errno == EINTR { continue }
                if n <= 0 { return }
                done += n
            }
        }
    }

    private func readAll() {
        var pending: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        while pending.count < ControlPipe.lineBytesMost {
            let n = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if n < 0 && errno == EINTR { continue }
            if n <= 0 { break }
            pending += chunk.prefix(n)
            while let end = pending.firstIndex(of: 10) {
                deliver(Array(pending[..<end]))
                pending.removeSubrange(...end)
            }
        }
        let waiter = state.with { state in
            state.closed = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }

    private func deliver(_ line: [UInt8]) {
        let waiter: CheckedContinuation<[UInt8]?, Never>? = state.with { state in
            guard let waiter = state.waiter else {
                state.lines.append(line)
                return nil
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: line)
    }
}
