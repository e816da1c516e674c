/* The locking protocol, for the model checker spin (https://spinroot.com). "npm run check:model" (scripts/check-model.mjs) runs every
 * configuration named there: the protocol as it stands must hold, and each mutation must yield the counterexample it is known for.
 *
 * What is stated: models with a run fence and a data fence each, one global fence, and any number of commands of these kinds:
 *
 *   Put          one commit under the data fence (W1 to W5)
 *   Method       holds the run fence; may call one nested command (put, run, delete, rename), and a nested run one more; then it
 *                publishes two outputs together, as an intent
 *   Child        a nested put or delete that its method does not wait for
 *   Structural   delete (moves an artifact away), rename (an intent), list (reads the scope at one point in time); S1 to S5
 *   Adversary    takes fences away from LIVE holders, a bounded number of times each: a suspended process, a forced release
 *   Judge        breaks the fences of processes that died; two of them, so that two waiters judge one holder
 *
 * A fence is one byte, FREE or the process that holds it, and every transition of one fence is one atomic step, as one rename is.
 * What stays inside an entry when its holder is gone (intent, stray) stays with the fence. A process number stands for one acquisition:
 * no process takes a fence again before it knows that it does not hold it any more. A method and the nested commands it waits for are
 * one process, because they take turns; "nested" means that a run fence taken further up is still its own.
 *
 * Not stated: time (a wait may end at any moment after its cause), durability, the content of what is written, and the order of queues:
 * tickets are advisory, so any order must be safe. Outputs enter the run fence's entry and leave it for the data fence in one step here:
 * what lies in the run fence is nobody's but its holder's. First drain (S1) and tickets matter only where commands nest; FIRST=0 leaves
 * S1 out elsewhere, which only adds behaviours, because S1 holds nothing and changes nothing.
 *
 * One search over everything at once is too large. POP chooses a population; breaks of live holders, deaths, nesting and renames are
 * searched in separate configurations and in the pairs that a machine can search, each of them exhaustively.
 *
 * Properties, as assertions and as the absence of invalid end states (no deadlock):
 *   P1     a commit happens only under the data fence that its session holds
 *   P2     while a structural command is past S3 with its global fence intact, nothing else commits in its scope, and where it
 *          drains run fences no method runs there but its own ancestors
 *   P9     no delete or rename that drained the model takes effect between the start and the commit of a method run
 *   WHOLE  outputs of a run are all or nothing: never half at a listing or a delete, never published and then reported as lost
 *   KEEP   what is broken as dead is dead: nobody who lives loses a fence to the judgement of two waiters
 *   FAIR   no command fails as deadlock in a population without a cycle of waits (N4)
 * And, with QUEUE=1 and a fair scheduler, for structural commands that nest: giving way (N3) does not go on for ever. That S3 opens and
 * closes for ever in step with one nested writer is not excluded; nothing but chance ends it, and chance does.
 */

/* How often a live holder of each kind of fence is put out; how many processes may die anywhere. */
#ifndef BREAK_RUN
#define BREAK_RUN 0
#endif
#ifndef BREAK_DATA
#define BREAK_DATA 0
#endif
#ifndef BREAK_GLOBAL
#define BREAK_GLOBAL 0
#endif
#ifndef DEATHS
#define DEATHS 0
#endif

/* The population, see init; how many models there are. */
#ifndef POP
#define POP 1
#endif
#ifndef MODELS
#define MODELS 2
#endif

/* The steps of the protocol. Each is on; the mutation of a configuration changes one. */
#ifndef FIRST
#define FIRST 1       /* S1 first drain */
#endif
#ifndef SECOND
#define SECOND 1      /* S3 second drain */
#endif
#ifndef CLOSE
#define CLOSE 1       /* S3 the closed state */
#endif
#ifndef LASTLOOK
#define LASTLOOK 1    /* S3 the look at every fence after closing */
#endif
#ifndef OWNLOOK
#define OWNLOOK 1     /* S4 looks at its own global fence when it has a data fence, before it changes anything */
#endif
#ifndef RECHECK
#define RECHECK 1     /* W3 the second look at the global fence */
#endif
#ifndef ROLLEARLY
#define ROLLEARLY 0   /* 1: what a holder left is rolled forward before W3 instead of after it */
#endif
#ifndef STARTLOOK
#define STARTLOOK 2   /* a run, after its W3, waits for the holder of the data fence (1) and rolls forward what one left (2), then starts its method */
#endif
#ifndef FENCED
#define FENCED 1      /* commits pass through the data fence */
#endif
#ifndef THROUGH
#define THROUGH 1     /* outputs pass through the run fence, too */
#endif
#ifndef ROLLFORWARD
#define ROLLFORWARD 1 /* the next holder finishes a published intent */
#endif
#ifndef REMEMBER
#define REMEMBER 1    /* a run that published its intent counts as committed, whatever it finds in data afterwards */
#endif
#ifndef BREAKCAS
#define BREAKCAS 1    /* a break renames exactly the entry that was judged */
#endif
#ifndef NESTWAIT
#define NESTWAIT 0    /* 1: nested writers wait like others (no N1) */
#endif
#ifndef OWNDRAIN
#define OWNDRAIN 1    /* N2 */
#endif
#ifndef GIVEWAY
#define GIVEWAY 2     /* N3: 2 = searched over all waits, 1 = for direct ancestors of the nested structural command only, 0 = never */
#endif
#ifndef CYCLES
#define CYCLES 1      /* N4 */
#endif
#ifndef QUEUE
#define QUEUE 0       /* 1: nobody passes the ticket of a nested structural command; without this discipline giving way may go on for ever */
#endif

/* There is a cycle of waits in the population that only a failure can end (N4). */
#if POP == 21 || POP == 22 || POP == 24 || POP == 25
#define cyclic true
#else
#define cyclic false
#endif

#define FREE 0
#define ALL ((1 << MODELS) - 1)
#define FENCES (2 * MODELS)
#define PIDS 8

/* What a method does while it runs, what a structural command does in S4. */
#define NONE 0
#define PUT 1
#define RUN 2
#define DEL 3
#define LIST 4
#define REN 5
#define BGPUT 6 /* in the background */
#define BGDEL 7

#define has(mask, i) (((mask) >> (i)) & 1)
#define bit(i) (1 << (i))

/* The fences (section 3). */
byte fence[FENCES];
#define data(m) fence[2 * (m)]
#define run_(m) fence[2 * (m) + 1]

/* The global fence: holder, published scope, whether it drains run fences, closed or draining. A scope that is not yet published is everything. */
byte glob = FREE, gscope = 0;
bool gruns = false, gclosed = false;

/* What lies inside a data fence's entry: a version on its way (whose), an intent (whose), its renames still to do, whether it is a rename's. */
byte stray[MODELS], intent[MODELS], left[MODELS];
bool moves[MODELS];
#define leftover(m) (intent[m] != FREE || stray[m] != FREE)

/* Tickets: the model whose run fence a process waits for, plus one; which nested structural commands wait for the global fence. A nested
 * command's ticket counts as its method's (root), as the ancestors in it say. */
byte waits[PIDS], gwait = 0;

/* History, for the properties only. past: S3 is done and the global fence has not been lost. running: methods between start and commit,
 * a mask for each model. over: those of them that a delete or rename overtook. kept: those whose outputs nobody has deleted. */
bool past = false;
byte running[MODELS], over[MODELS], kept[MODELS];
bool P1 = true, P2 = true, P9 = true, WHOLE = true, KEEP = true, FAIR = true;

byte breakRun = BREAK_RUN, breakData = BREAK_DATA, breakGlobal = BREAK_GLOBAL, deaths = DEATHS, dead = 0;

/* Dies here, or not: holding what it holds, its tickets void. */
#if DEATHS
#define mayDie if :: atomic { deaths > 0 -> deaths--; dead = dead | bit(_pid); waits[root] = 0; gwait = gwait & ~bit(root); goto gone } :: skip fi
#else
#define mayDie skip
#endif

/* N1: an ancestor's run fence is still its own. `anc` is the mask of models whose run fences were taken further up, `root` who took them. */
#define live(m) (has(anc, m) && run_(m) == root)
#if MODELS == 3
#define nested (live(0) || live(1) || live(2))
#else
#define nested (live(0) || live(1))
#endif

/* W1 and W3: what a writer of model m needs to find. W3 is read in two steps, the global fence first, then the ancestors: `way` is
 * 0 when nothing is in the way, 1 when a nested one may pass (N1), 2 else. */
#define inScope(m) (glob != FREE && has(gscope, m))
#define passes(m) (!inScope(m) || (nested && !gclosed && !NESTWAIT))
#define secondLook(m) atomic { way = (inScope(m) && RECHECK -> (gclosed || NESTWAIT -> 2 : 1) : 0) }
#define inTheWay (way == 2 || (way == 1 && !nested))

inline release(f) { atomic { if :: f == _pid -> f = FREE :: else fi } }

inline freeGlobal() { glob = FREE; gscope = 0; gruns = false; gclosed = false; past = false }
inline releaseGlobal() { atomic { if :: glob == _pid -> freeGlobal() :: else fi } }

/* Something becomes visible in model m, or goes: P1 and P2 are checked here. */
inline effect(m) {
  P1 = P1 && data(m) == _pid; assert(P1);
  P2 = P2 && !(past && glob != _pid && has(gscope, m)); assert(P2)
}

/* One rename of an intent; the intent itself goes last. A rename that takes effect overtakes who is running, outputs must not be overtaken (P9). */
inline rollOne(m) {
  if
  :: left[m] > 0 ->
       effect(m);
       if
       :: moves[m] -> over[m] = over[m] | (running[m] & ~bit(intent[m]))
       :: else -> P9 = P9 && !has(over[m], intent[m]); assert(P9)
       fi;
       left[m]--
  :: else ->
       if :: moves[m] -> skip :: else -> running[m] = running[m] & ~bit(intent[m]); kept[m] = kept[m] | bit(intent[m]) fi;
       intent[m] = FREE; moves[m] = false
  fi
}

/* What a holder left belongs to the next one: an intent is rolled forward, a version on its way goes back to the staging of its owner. */
#define mayRoll(m) (intent[m] != FREE && (ROLLFORWARD || intent[m] == _pid))
inline settle(m) {
  do
  :: atomic { data(m) == _pid && mayRoll(m) -> rollOne(m) }; mayDie
  :: atomic { data(m) == _pid && stray[m] != FREE -> stray[m] = FREE }
  :: atomic { data(m) != _pid || (stray[m] == FREE && !mayRoll(m)) -> break }
  od
}

/* W1 to W3 on the data fence of m. */
inline takeData(m) {
  do
  :: passes(m);
     atomic { data(m) == FREE -> data(m) = _pid };
#if ROLLEARLY
     settle(m);
#endif
     secondLook(m);
     if
     :: atomic { inTheWay -> way = 0; if :: data(m) == _pid -> data(m) = FREE :: else fi }
     :: atomic { !inTheWay -> way = 0; break }
     fi
  od
}

/* Put: staging -> entry -> data. Fenced off in between, it takes the fence again: its version is back in its staging, or committed. */
inline put(m) {
  done = false;
  do
  :: takeData(m);
     mayDie;
     settle(m);
     atomic { if :: data(m) == _pid -> stray[m] = _pid :: else fi };
     mayDie;
     atomic {
       if
       :: (data(m) == _pid && stray[m] == _pid) || !FENCED -> effect(m); stray[m] = FREE; done = true
       :: else
       fi
     };
     mayDie;
     release(data(m));
     if :: done -> break :: else fi
  od
}

/* N4: follows holders and their tickets from the run fence of m; back at an ancestor of its own, the wait closes a cycle. Who closes it has the youngest ticket. */
inline findCycle(m) {
  h = run_(m); stuck = false;
  do
  :: CYCLES && h == root -> stuck = true; FAIR = FAIR && cyclic; assert(FAIR); break
  :: CYCLES && h != FREE && h != root && waits[h] != 0 -> h = run_(waits[h] - 1)
  :: else -> break
  od;
  h = 0
}

/* W1 to W3 on the run fence of m; stuck: failed as deadlock. */
inline takeRun(m) {
  do
  :: passes(m);
     atomic {
       if
       :: run_(m) == FREE -> run_(m) = _pid
       :: else ->
            waits[root] = (m) + 1; findCycle(m);
            if
            :: stuck -> skip
            :: else -> run_(m) == FREE; run_(m) = _pid
            fi;
            waits[root] = 0
       fi
     };
     if :: stuck -> break :: else fi;
     secondLook(m);
     if
     :: atomic { inTheWay -> way = 0; if :: run_(m) == _pid -> run_(m) = FREE :: else fi }
     :: atomic { !inTheWay -> way = 0; break }
     fi
  od;
  mayDie
}

/* The method starts (P2, P9). The look at the data fence counts as nested in its own run. A structural command that lost its global fence may
 * still hold the data fence, one that died may have left an intent: both end before the method starts. */
inline started(m) {
  if
  :: run_(m) == _pid ->
       running[m] = running[m] | bit(_pid); over[m] = over[m] & ~bit(_pid); kept[m] = kept[m] & ~bit(_pid);
       P2 = P2 && !(past && gruns && has(gscope, m)); assert(P2)
  :: else
  fi
}
inline start(m) {
  if
  :: atomic { STARTLOOK == 0 || (data(m) == FREE && (STARTLOOK == 1 || !leftover(m))) -> started(m) }
  :: atomic { STARTLOOK == 1 && data(m) != FREE -> h = data(m) }; atomic { data(m) != h -> h = 0; started(m) }
  :: atomic { STARTLOOK == 2 && (data(m) != FREE || leftover(m)) -> skip };
     do
     :: takeData(m);
        settle(m);
        atomic { if :: data(m) == _pid -> started(m); data(m) = FREE; done = true :: else -> done = false fi };
        if :: done -> break :: else fi
     od
  fi
}

/* The outputs of a run: staging -> run fence -> data fence, where they are published as an intent by that one rename; then each to its place.
 * Its run fence lost before that: nothing was published, the outputs are kept aside, lock_lost. Published: success, by this holder or the next. */
inline outputs(m) {
  published = false;
  do
  :: takeData(m);
     mayDie;
     settle(m);
     atomic {
       if
       :: !published && data(m) == _pid && (run_(m) == _pid || !THROUGH) ->
            WHOLE = WHOLE && intent[m] == FREE; assert(WHOLE);
            intent[m] = _pid; left[m] = 2; moves[m] = false; published = true
       :: else
       fi
     };
     mayDie;
     settle(m);
     release(data(m));
     if
     :: atomic { published && intent[m] != _pid -> WHOLE = WHOLE && (REMEMBER || has(kept[m], _pid)); assert(WHOLE); break }
     :: atomic { !published && run_(m) != _pid && THROUGH -> running[m] = running[m] & ~bit(_pid); break }
     :: atomic { published && intent[m] == _pid || !published && (run_(m) == _pid || !THROUGH) -> skip }
     fi
  od
}

/* The fences of a scope; those that count as held (N2: not the run fences of its own ancestors). */
#define wants(f) (has(scope, (f) / 2) && ((f) % 2 == 0 || (runs)))
#define own(f) (OWNDRAIN && (f) % 2 == 1 && has(anc, (f) / 2) && fence[f] == root)
#define held(f) (wants(f) && fence[f] != FREE && !own(f))

/* N3: a nested structural command waits for the global fence, and this one, which holds it, waits for a run: it gives way when the waits lead
 * from that run to that command. The run may be its ancestor, or wait, through nested commands, for its ancestor. */
#define others (gwait & ~bit(root))
#define next(p) (waits[p] != 0 -> run_(waits[p] - 1) : FREE)
#if GIVEWAY == 2
#define leads(p) (has(others, p) || has(others, next(p)) || has(others, next(next(p))))
#else
#define leads(p) has(others, p)
#endif
#define waitsFor(f) (held(f) && leads(fence[f]))
#if MODELS == 3
#define giveWay (GIVEWAY > 0 && (waitsFor(1) || waitsFor(3) || waitsFor(5)))
#else
#define giveWay (GIVEWAY > 0 && (waitsFor(1) || waitsFor(3)))
#endif

#define nextWanted() do :: f < FENCES && !wants(f) -> f++ :: else -> break od

/* S1: waits, fence by fence, for the holders that are there. S3: until nothing is held, or it gives way (again), or fails as deadlock (stuck).
 * A wait for a run fence leaves a ticket of kind drain. */
inline drain(second) {
  f = 0; again = false; stuck = false;
  do
  :: atomic {
       nextWanted();
       if
       :: f == FENCES -> break
       :: f < FENCES && !held(f) -> f++
       :: f < FENCES && held(f) ->
            if :: f % 2 == 1 -> waits[root] = f / 2 + 1; findCycle(f / 2) :: else fi;
            if
            :: stuck -> waits[root] = 0; break
            :: else ->
                 h = fence[f];
                 if
                 :: (second) && !held(f)
                 :: !(second) && fence[f] != h
                 :: (second) && held(f) && giveWay -> again = true
                 fi;
                 h = 0; waits[root] = 0;
                 if :: again -> break :: else fi
            fi
       fi
     }
  od
}

/* S3: one fence after the other, no snapshot. */
inline lastLook() {
  f = 0; again = false;
  do
  :: atomic {
       nextWanted();
       if
       :: f == FENCES -> break
       :: f < FENCES && held(f) -> again = true; break
       :: else -> f++
       fi
     }
  od
}

/* S3 is done: past, unless the global fence was lost; no method runs in the scope (P2). */
inline pastS3() {
  if
  :: glob == _pid ->
       past = true; f = 1;
       do
       :: f < FENCES -> P2 = P2 && !(held(f) && has(running[f / 2], fence[f])); assert(P2); f = f + 2
       :: else -> break
       od;
       f = 0
  :: else
  fi
}

/* No output of a run stands there without the other. */
inline whole(m) { WHOLE = WHOLE && !(intent[m] != FREE && !moves[m] && left[m] == 1); assert(WHOLE) }

/* S4: the data fence of m, then a look at the own global fence. Who finds it lost has changed nothing here and queues again (again). */
inline takeInside(m) {
  atomic { data(m) == FREE -> data(m) = _pid };
  mayDie;
  atomic { if :: OWNLOOK && glob != _pid -> again = true; if :: data(m) == _pid -> data(m) = FREE :: else fi :: else fi }
}

/* S4 for a delete (one rename) and a rename (an intent); todo: the models not yet done. */
inline change(m, kind) {
  takeInside(m);
  if
  :: again -> skip
  :: else ->
       settle(m);
       atomic {
         if
         :: data(m) == _pid && kind == DEL ->
              effect(m); whole(m); todo = todo & ~bit(m); kept[m] = 0;
              if :: runs -> over[m] = over[m] | (running[m] & ~bit(root)) :: else fi
         :: data(m) == _pid && kind == REN && !published ->
              WHOLE = WHOLE && intent[m] == FREE; assert(WHOLE);
              intent[m] = _pid; left[m] = 2; moves[m] = true; published = true
         :: else
         fi
       };
       mayDie;
       if :: kind == REN -> settle(m) :: else fi;
       atomic {
         if :: kind == REN && published && intent[m] != _pid -> todo = todo & ~bit(m); published = false :: else fi;
         if :: data(m) == _pid -> data(m) = FREE :: else fi
       }
  fi
}

/* S4 for a listing: takes the data fence only where something was left. */
inline list(m) {
  if
  :: atomic { ROLLFORWARD && leftover(m) -> skip }; takeInside(m); if :: again -> skip :: else -> settle(m); release(data(m)) fi
  :: atomic { !(ROLLFORWARD && leftover(m)) -> if :: glob == _pid -> whole(m); todo = todo & ~bit(m) :: else -> again = true fi }
  fi
}

inline inside(m, kind) { if :: kind == LIST -> list(m) :: else -> change(m, kind) fi }

inline changes(kind) {
  again = false;
  do
  :: again || todo == 0 -> break
  :: !again && has(todo, 0) -> inside(0, kind)
  :: !again && !has(todo, 0) && has(todo, 1) -> inside(1, kind)
#if MODELS == 3
  :: !again && !has(todo, 0) && !has(todo, 1) && has(todo, 2) -> inside(2, kind)
#endif
  od
}

/* S1 to S5; scope and runs are variables of the process. Whoever gives way or loses the global fence starts over at S1. */
inline structural(kind) {
  todo = scope; published = false;
  do
  ::
     if :: FIRST -> drain(false) :: else -> again = false; stuck = false fi;  /* S1 */
     if :: stuck -> break :: else fi;
     atomic {                                                               /* S2: a nested command passes every queue (N1) */
       if :: nested -> gwait = gwait | bit(root) :: else fi;
       glob == FREE && (!QUEUE || nested || others == 0);
       glob = _pid; gscope = ALL; gruns = runs; gwait = gwait & ~bit(root)
     };
     atomic { if :: glob == _pid -> gscope = scope :: else fi };
     mayDie;
     do                                                                     /* S3 */
     ::
        if :: SECOND -> drain(true) :: else fi;
        if :: stuck || again -> break :: else fi;
        if :: CLOSE -> atomic { if :: glob == _pid -> gclosed = true :: else -> again = true fi } :: else fi;
        if :: again -> break :: else fi;
        mayDie;
        if :: LASTLOOK && SECOND && CLOSE -> lastLook() :: else fi;
        if
        :: again -> atomic { if :: glob == _pid -> gclosed = false :: else fi }; again = false
        :: else -> break
        fi
     od;
     if
     :: stuck -> releaseGlobal(); break
     :: !stuck && again -> releaseGlobal()
     :: else ->
          atomic { pastS3() };
          changes(kind);                                                    /* S4 */
          mayDie;
          releaseGlobal();                                                  /* S5 */
          if :: again -> skip :: else -> break fi
     fi
  od;
  todo = 0; again = false
}

proctype Put(byte m) {
  byte anc = 0, root = _pid, way = 0;
  bool done = false;
  put(m);
gone: skip
}

proctype Child(byte root, parent, act, x) {
  byte anc = bit(parent), way = 0, f = 0, h = 0, todo = 0, scope = x;
  bool runs = true, done = false, published = false, stuck = false, again = false;
  if
  :: act == BGPUT -> put(x)
  :: act == BGDEL -> structural(DEL)
  fi;
gone: skip
}

proctype Method(byte m, act, x, act2, y) {
  byte root = _pid, anc = 0, way = 0, f = 0, h = 0, todo = 0, scope = 0, cur = m, action, arg;
  bool runs = true, deeper = false, done = false, published = false, stuck = false, again = false;
inner:
  takeRun(cur);
  if
  :: stuck -> stuck = false; goto ended
  :: else
  fi;
  anc = anc | bit(cur);
  start(cur);
  mayDie;
  atomic { if :: deeper -> action = act2; arg = y :: else -> action = act; arg = x fi };
  if
  :: action == PUT -> put(arg)
  :: action == BGPUT || action == BGDEL -> run Child(_pid, cur, action, arg)
  :: action == DEL || action == REN -> scope = arg; structural(action); scope = 0; stuck = false
  :: action == RUN -> deeper = true; cur = arg; goto inner
  :: else
  fi;
outer:
  outputs(cur);
  atomic { if :: run_(cur) == _pid -> run_(cur) = FREE :: else fi; anc = anc & ~bit(cur) };
ended:
  if
  :: deeper -> deeper = false; cur = m; goto outer
  :: else
  fi;
gone: skip
}

proctype Structural(byte scope; bool runs; byte kind) {
  byte root = _pid, anc = 0, f = 0, h = 0, todo = 0;
  bool published = false, stuck = false, again = false;
  structural(kind);
gone: skip
}

/* Whatever it could still do, it may also stop: a deadlock that only a break would end is still one. */
#define out(left_, f) left_ > 0 && f != FREE -> left_--; f = FREE
proctype Adversary() {
  do
  :: atomic { out(breakRun, run_(0)) }
  :: atomic { out(breakRun, run_(1)) }
  :: atomic { out(breakData, data(0)) }
  :: atomic { out(breakData, data(1)) }
#if MODELS == 3
  :: atomic { out(breakRun, run_(2)) }
  :: atomic { out(breakData, data(2)) }
#endif
  :: atomic { breakGlobal > 0 && glob != FREE -> breakGlobal--; freeGlobal() }
  :: break
  od
}

/* A waiter that judges a holder dead, and breaks it in a later step. */
#define judge(f) atomic { has(dead, f) -> h = f }
#define broken(f) (f == h || !BREAKCAS) -> KEEP = KEEP && (f == FREE || has(dead, f)); assert(KEEP)
#define breakDead(f) atomic { if :: broken(f); f = FREE :: else fi; h = 0 }
proctype Judge() {
  byte h = 0;
end:
  do
  :: judge(fence[0]); breakDead(fence[0])
  :: judge(fence[1]); breakDead(fence[1])
  :: judge(fence[2]); breakDead(fence[2])
  :: judge(fence[3]); breakDead(fence[3])
#if MODELS == 3
  :: judge(fence[4]); breakDead(fence[4])
  :: judge(fence[5]); breakDead(fence[5])
#endif
  :: judge(glob); atomic { if :: broken(glob); freeGlobal() :: else fi; h = 0 }
  od
}

init {
  atomic {
#if POP == 1    /* a put, a method that puts into the other model, a delete of one model, a listing of both */
    run Put(0); run Method(0, PUT, 1, NONE, 0); run Structural(bit(0), true, DEL); run Structural(ALL, false, LIST)
#elif POP == 2  /* methods that put into each other's model, a delete over both */
    run Method(0, PUT, 1, NONE, 0); run Method(1, PUT, 0, NONE, 0); run Structural(ALL, true, DEL)
#elif POP == 3  /* two deletes over different scopes, writers of both models */
    run Put(0); run Put(1); run Structural(bit(0), true, DEL); run Structural(ALL, true, DEL)
#elif POP == 4  /* a nested put that outlives its method, a delete over both */
    run Put(1); run Method(1, BGPUT, 0, NONE, 0); run Structural(ALL, true, DEL); run Structural(bit(0), false, LIST)
#elif POP == 5  /* two runs of one model, a delete, a listing */
    run Method(0, NONE, 0, NONE, 0); run Method(0, NONE, 0, NONE, 0); run Structural(bit(0), true, DEL); run Structural(ALL, false, LIST)
#elif POP == 6  /* a put, a run, a delete of one model */
    run Put(0); run Method(0, PUT, 0, NONE, 0); run Structural(bit(0), true, DEL)
#elif POP == 7  /* a run, a collection of old data that drains data fences only, a listing */
    run Method(0, NONE, 0, NONE, 0); run Structural(bit(0), false, DEL); run Structural(ALL, false, LIST)
#elif POP == 8  /* a run, a rename, a listing */
    run Method(0, NONE, 0, NONE, 0); run Structural(bit(0), true, REN); run Structural(bit(0), false, LIST)
#elif POP == 9  /* a run, a delete, a listing */
    run Method(0, NONE, 0, NONE, 0); run Structural(bit(0), true, DEL); run Structural(ALL, false, LIST)
#elif POP == 20 /* nested: a method deletes in its own model, another runs that model, a third party deletes */
    run Method(0, DEL, bit(0), NONE, 0); run Method(1, RUN, 0, NONE, 0); run Structural(bit(1), true, DEL)
#elif POP == 21 /* nested: two methods delete in each other's model, a third party in both */
    run Method(0, DEL, bit(1), NONE, 0); run Method(1, DEL, bit(0), NONE, 0); run Structural(ALL, true, DEL)
#elif POP == 22 /* nested: two methods run each other's model, a third party deletes in both */
    run Method(0, RUN, 1, NONE, 0); run Method(1, RUN, 0, NONE, 0); run Structural(ALL, true, DEL)
#elif POP == 23 /* nested two deep: a run within a run deletes in both models, another method puts, a third party deletes */
    run Method(0, RUN, 1, DEL, ALL); run Method(1, PUT, 0, NONE, 0); run Structural(ALL, true, DEL)
#elif POP == 24 /* three models in a ring: delete, run, delete */
    run Method(0, DEL, bit(1), NONE, 0); run Method(1, RUN, 2, NONE, 0); run Method(2, DEL, bit(0), NONE, 0); run Structural(bit(1), true, DEL)
#elif POP == 25 /* nested: a method that runs itself, another run, a third party deletes */
    run Method(0, RUN, 0, NONE, 0); run Method(0, NONE, 0, NONE, 0); run Structural(bit(0), true, DEL)
#elif POP == 26 /* nested: a delete over both, a rename, a put; a listing from outside */
    run Method(0, DEL, ALL, NONE, 0); run Method(1, REN, bit(1), NONE, 0); run Put(0); run Structural(ALL, false, LIST)
#elif POP == 28 /* two methods that both have structural children: one deletes in the other's model, the other creates a model (an empty scope) */
    run Method(0, DEL, bit(1), NONE, 0); run Method(1, DEL, 0, NONE, 0); run Structural(bit(0), true, DEL)
#elif POP == 29 /* the same over three models: delete, run, model create */
    run Method(0, DEL, bit(1), NONE, 0); run Method(1, RUN, 2, NONE, 0); run Method(2, DEL, 0, NONE, 0); run Structural(bit(0), true, DEL)
#elif POP == 27 /* a nested delete over both that its method does not wait for; a put, a delete from outside */
    run Method(0, BGDEL, ALL, NONE, 0); run Put(1); run Structural(bit(0), true, DEL)
#endif
#if BREAK_RUN + BREAK_DATA + BREAK_GLOBAL
    ; run Adversary()
#endif
#if DEATHS
    ; run Judge(); run Judge()
#endif
  }
}
